/**
 * The `data` schema: checks what is set, what is stored, and what was loaded.
 *
 * @module
 */

import { ConfigError, isSerializationError, SerializationError } from '../errors.ts'
import { type Changes, decodeOf } from './changes.ts'
import { isReserved } from './record.ts'
import type { Entries } from './serializer.ts'
import { setOwn } from './values.ts'

/** The part of Standard Schema v1 (https://standardschema.dev) that is used: zod, valibot, arktype and others have it. */
export interface Schema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** What is wrong with a value. */
export interface SchemaIssue {
  readonly message: string
  /** Leads to the value. Absent or empty: the data as a whole. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * When a loaded record is not what `data` describes: hide the keys that do not fit, begin a fresh session, or throw a
 * `SerializationError`.
 */
export type OnInvalid = 'drop' | 'fresh' | 'throw'

/** The schema of a kind of session. What it transforms is ignored. */
export class DataSchema {
  readonly #standard: Schema<object>['~standard']
  readonly #onInvalid: OnInvalid

  /** @throws {ConfigError} When it is no schema, or one that an empty session does not fit. */
  constructor(schema: Schema<object>, onInvalid: OnInvalid) {
    const standard = (schema as Partial<Schema<object>>)['~standard']
    if (typeof standard?.validate !== 'function') {
      throw new ConfigError(
        '`data` is not a Standard Schema. Give an object schema of zod, valibot, arktype or another that implements it.',
      )
    }
    this.#standard = standard
    this.#onInvalid = onInvalid
    const atStart = this.#issues({})
    if (atStart.length > 0) {
      throw new ConfigError(
        `\`data\` refuses an empty session, and every session begins empty: make each key optional. It says: ${messages(atStart)}`,
      )
    }
  }

  /** What the schema says against a value of a key, alone. Undefined: nothing. */
  problem(key: string, value: unknown): string | undefined {
    const data: Record<string, unknown> = {}
    setOwn(data, key, value)
    const issues = this.#issues(data).filter((issue) => keyOf(issue) === key)
    return issues.length === 0 ? undefined : messages(issues)
  }

  /** @throws {SerializationError} When the key must not have this value. */
  check(key: string, value: unknown): void {
    const problem = this.problem(key, value)
    if (problem === undefined) return
    throw new SerializationError(
      `Session key '${key}' is not what \`data\` describes: ${problem}`,
      {
        key,
      },
    )
  }

  /**
   * Checks the edited keys of a record that is about to be stored, as a later request will read them.
   *
   * @throws {SerializationError} For the first value that its key must not have.
   */
  checkEdited(changes: Changes, entries: Entries): void {
    for (const [key] of changes.edited()) {
      const entry = isReserved(key) ? undefined : entries.get(key)
      if (entry !== undefined) this.check(key, decodeOf(changes.serializer, key, entry))
    }
  }

  /**
   * Checks a loaded record, and hides the keys that do not fit.
   *
   * @returns The hidden keys. Undefined: the session has to begin afresh.
   * @throws {SerializationError} With `onInvalid: 'throw'`.
   */
  admit(changes: Changes): readonly string[] | undefined {
    const data: Record<string, unknown> = {}
    const hidden: string[] = []
    const hide = (key: string): void => {
      Reflect.deleteProperty(data, key)
      hidden.push(key)
    }
    for (const key of changes.keys()) {
      if (isReserved(key)) continue
      try {
        // A copy: what the schema does to it is not the handler's change.
        setOwn(data, key, changes.peek(key))
      } catch (error) {
        if (!isSerializationError(error)) throw error
        if (!this.#drops(error.message)) return undefined
        hide(key)
      }
    }
    for (;;) {
      const issues = this.#issues(data)
      if (issues.length === 0) break
      const keys = Object.keys(data).filter((key) => issues.some((issue) => keyOf(issue) === key))
      if (!this.#drops(messages(issues)) || keys.length === 0) return undefined
      for (const key of keys) hide(key)
    }
    for (const key of hidden) changes.hide(key)
    return hidden
  }

  #drops(problem: string): boolean {
    if (this.#onInvalid !== 'throw') return this.#onInvalid === 'drop'
    throw new SerializationError(`The stored session is not what \`data\` describes: ${problem}`)
  }

  #issues(data: object): readonly SchemaIssue[] {
    const result = this.#standard.validate(data)
    if (result instanceof Promise) {
      // Its rejection must not end the process.
      result.catch(() => undefined)
      throw new ConfigError('`data` is an asynchronous schema. Leave out its asynchronous checks.')
    }
    return result.issues ?? []
  }
}

/** The key of the session that an issue is about. Undefined: it names none. */
function keyOf({ path }: SchemaIssue): PropertyKey | undefined {
  const first = path?.[0]
  return typeof first === 'object' ? first.key : first
}

function messages(issues: readonly SchemaIssue[]): string {
  return issues.map(({ message }) => message).join('; ')
}
