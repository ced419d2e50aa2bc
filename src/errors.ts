/**
 * Every error of this package, one class for each party that has to act. Tell them apart by `code`.
 * No message holds a session id or a secret. What a stranger can send is never an error: see `Rejection`.
 *
 * @module
 */

const BRAND: unique symbol = Symbol.for('vial.error')

/** The base of all errors of this package; `cause` is set when another error is behind it. */
export abstract class SessionError extends Error {
  abstract readonly code: string
  /** The status of a response that reports the error. Express, Koa, Fastify and NestJS use it. */
  readonly status: number = 500
  /** Marks errors of every copy of this package that a program may have loaded. */
  readonly [BRAND] = true

  /** The same as `status`, which some frameworks look for under this name. */
  get statusCode(): number {
    return this.status
  }

  /** False: the message is for developers. Koa and NestJS show a client the name of the status in its place. */
  get expose(): boolean {
    return false
  }
}

/** The developer acts: the configuration cannot work. Thrown when the program starts, as a rule. */
export class ConfigError extends SessionError {
  override readonly name = 'ConfigError'
  readonly code = 'ERR_VIAL_CONFIG'
}

/** The developer acts: a call at the wrong moment, such as a write after the response headers left. */
export class StateError extends SessionError {
  override readonly name = 'StateError'
  readonly code = 'ERR_VIAL_STATE'
}

/** The developer acts: a value cannot be stored, or a stored one is damaged. */
export class SerializationError extends SessionError {
  override readonly name = 'SerializationError'
  readonly code = 'ERR_VIAL_SERIALIZATION'
  /** The session key whose value it is; absent when the record as a whole is meant. */
  readonly key: string | undefined

  constructor(message: string, options: ErrorOptions & { readonly key?: string } = {}) {
    super(message, options)
    this.key = options.key
  }
}

/** The developer acts: the session does not fit. Thrown by commit, before any header leaves. */
export class TooLargeError extends SessionError {
  override readonly name = 'TooLargeError'
  readonly code = 'ERR_VIAL_TOO_LARGE'
  override readonly status = 413

  /** What the session takes, in bytes. */
  readonly size: number
  /** What the cookie or the store holds, in bytes. */
  readonly limit: number

  constructor(
    message: string,
    options: ErrorOptions & { readonly size: number; readonly limit: number },
  ) {
    super(message, options)
    this.size = options.size
    this.limit = options.limit
  }
}

/** What is known of a store operation that failed: it did not happen, or it may have. */
export type StoreOutcome = 'not-done' | 'unknown'

/**
 * The operator acts: the backend of the store failed or did not answer in time. Its `cause` is a copy of the client's error
 * without the message and most fields, as clients put keys and parameters there.
 */
export class StoreError extends SessionError {
  override readonly name = 'StoreError'
  readonly code = 'ERR_VIAL_STORE'
  override readonly status = 503
  /** The verb of the store contract, such as `replace`. */
  readonly operation: string
  /** After `unknown` the write may have happened, so it is not tried again, but for a rotation, which can be settled. */
  readonly outcome: StoreOutcome
  /** True when the same call may succeed later without a change to the program or the server's set-up. */
  readonly retriable: boolean

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly operation: string
      readonly outcome: StoreOutcome
      readonly retriable: boolean
    },
  ) {
    super(message, options.cause === undefined ? {} : { cause: shown(options.cause) })
    this.operation = options.operation
    this.outcome = options.outcome
    this.retriable = options.retriable
  }
}

/**
 * The application acts, by answering 409 or 503: other requests wrote the session faster than this one could within
 * its time limit, or stored a value that this request's edit no longer fits. Nothing was stored.
 */
export class ConflictError extends SessionError {
  override readonly name = 'ConflictError'
  readonly code = 'ERR_VIAL_CONFLICT'
  override readonly status = 409
  /** The session key whose edit no longer fits; absent when time ran out. */
  readonly key: string | undefined

  constructor(message: string, options: ErrorOptions & { readonly key?: string } = {}) {
    super(message, options)
    this.key = options.key
  }
}

/** The application acts: a login is over the limit of `users.most`, and `over` is `refuse`. The visitor is not logged in. */
export class TooManySessionsError extends SessionError {
  override readonly name = 'TooManySessionsError'
  readonly code = 'ERR_VIAL_TOO_MANY_SESSIONS'
  override readonly status = 409
}

/** The operator acts: not all sessions of a user could be ended. Call again to end those that are left. */
export class RevocationError extends StoreError {
  /** The handles of the sessions that were ended. */
  readonly ended: readonly string[]
  /** The handles of those that may live. */
  readonly left: readonly string[]

  constructor(ended: readonly string[], left: readonly string[], cause: unknown) {
    const all = ended.length + left.length
    super(`${ended.length} of ${all} sessions were ended. Call again to end those that are left.`, {
      operation: 'delete',
      outcome: 'unknown',
      retriable: true,
      cause,
    })
    this.ended = ended
    this.left = left
  }
}

/**
 * The application acts, by sending the visitor to a login or asking for the password again: `requireUser` found no user, or
 * one whose last confirmation is too old.
 */
export class UnauthorizedError extends SessionError {
  override readonly name = 'UnauthorizedError'
  readonly code = 'ERR_VIAL_UNAUTHORIZED'
  override readonly status = 401
  readonly reason: 'anonymous' | 'not-confirmed'

  constructor(message: string, reason: 'anonymous' | 'not-confirmed') {
    super(message)
    this.reason = reason
  }
}

/** Fields of clients' errors that name no key and no value. */
const SHOWN = `code errno syscall hostname address port sqlState errcode codeName
  $fault $metadata httpStatusCode requestId attempts`.split(/\s+/)
const LEFT_OUT = 'its message is left out, as it may hold an id'
/** The most errors behind an error that are shown. */
const DEEPEST = 4

/** A copy of a client's error with what holds no id: name, codes, stack, and the same of the errors behind it. */
function shown(error: unknown, depth = 1): unknown {
  if (isSessionError(error)) return error
  const { name, message, stack, cause, errors } = Object(error) as Record<string, unknown>
  const isDeep = depth === DEEPEST
  const copy = new Error(LEFT_OUT, {
    ...(cause !== undefined && !isDeep && { cause: shown(cause, depth + 1) }),
  })
  const title = typeof name === 'string' ? name : 'Error'
  const frames = framesOf(String(stack), String(message))
  Object.defineProperties(copy, {
    name: { value: title, configurable: true, writable: true },
    stack: {
      value: [`${title}: ${LEFT_OUT}`, ...frames].join('\n'),
      configurable: true,
      writable: true,
    },
  })
  const behind = Array.isArray(errors) && !isDeep ? errors.slice(0, DEEPEST) : []
  return Object.assign(copy, shownFields(error), {
    ...(behind.length > 0 && { errors: behind.map((one) => shown(one, depth + 1)) }),
  })
}

function shownFields(object: unknown): Record<string, unknown> {
  const fields = Object(object) as Record<string, unknown>
  const given = SHOWN.filter((name) => fields[name] !== undefined)
  return Object.fromEntries(
    given.map((name) => {
      const value = fields[name]
      return [name, typeof value === 'object' ? shownFields(value) : value]
    }),
  )
}

/** The lines of a stack below the message. */
function framesOf(stack: string, message: string): string[] {
  const at = message === '' ? -1 : stack.indexOf(message)
  const below = at === -1 ? stack : stack.slice(at + message.length)
  return below.split('\n').filter((line) => /^ {4}at /.test(line))
}

/** The codes of all errors. */
export type SessionErrorCode =
  | ConfigError['code']
  | StateError['code']
  | SerializationError['code']
  | TooLargeError['code']
  | StoreError['code']
  | ConflictError['code']
  | TooManySessionsError['code']
  | UnauthorizedError['code']

/** Whether an error is one of this package, also one from another copy of it. */
export function isSessionError(error: unknown): error is SessionError {
  return error instanceof Error && (error as Partial<SessionError>)[BRAND] === true
}

/** Whether an error is a {@link StoreError}, also one from another copy of this package. */
export function isStoreError(error: unknown): error is StoreError {
  return isSessionError(error) && error.code === 'ERR_VIAL_STORE'
}

/** Whether an error is a {@link ConflictError}, also one from another copy of this package. */
export function isConflictError(error: unknown): error is ConflictError {
  return isSessionError(error) && error.code === 'ERR_VIAL_CONFLICT'
}

/** Whether an error is a {@link SerializationError}, also one from another copy of this package. */
export function isSerializationError(error: unknown): error is SerializationError {
  return isSessionError(error) && error.code === 'ERR_VIAL_SERIALIZATION'
}
