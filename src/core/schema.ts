/**
 * The `data` schema, and the check of loaded records against it.
 *
 * @module
 */

import { ConfigError, isSerializationError, SerializationError } from '../errors.ts'
import { isReserved } from './record.ts'
import { type AnySession, stateOf } from './session.ts'
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
  | { readonly issues: readonly { readonly message: string }[] }

/** Gives the function that says whether a loaded session is what the schema describes; without one every session is. */
export function schemaCheck(
  schema: Schema<object> | undefined,
  onInvalid: 'fresh' | 'throw',
): (session: AnySession) => boolean {
  if (schema === undefined) return () => true
  const standard = (schema as Partial<Schema<object>>)['~standard']
  if (typeof standard?.validate !== 'function') {
    throw new ConfigError(
      '`data` is not a Standard Schema. Give an object schema of zod, valibot, arktype or another that implements it.',
    )
  }
  const atStart = problemOf(standard, {})
  if (atStart !== undefined) {
    throw new ConfigError(
      `\`data\` refuses an empty session, and every session begins empty: make each key optional. It says: ${atStart}`,
    )
  }
  return (session) => {
    const problem = problemIn(standard, session)
    if (problem === undefined) return true
    if (onInvalid === 'fresh') return false
    throw new SerializationError(`The stored session is not what \`data\` describes: ${problem}`)
  }
}

type Standard = Schema<object>['~standard']

function problemIn(standard: Standard, session: AnySession): string | undefined {
  const { changes } = stateOf(session)
  const data: Record<string, unknown> = {}
  try {
    for (const key of changes.keys()) {
      // A copy: what the schema does to it is not the handler's change.
      if (!isReserved(key)) setOwn(data, key, changes.peek(key))
    }
  } catch (error) {
    if (isSerializationError(error)) return error.message
    throw error
  }
  return problemOf(standard, data)
}

function problemOf(standard: Standard, data: object): string | undefined {
  const result = standard.validate(data)
  if (result instanceof Promise) {
    // Its rejection must not end the process.
    result.catch(() => undefined)
    throw new ConfigError('`data` is an asynchronous schema. Leave out its asynchronous checks.')
  }
  return result.issues?.map((issue) => issue.message).join('; ')
}
