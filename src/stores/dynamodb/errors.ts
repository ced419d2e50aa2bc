/**
 * What a failure of the AWS SDK means: whether the write may have happened, whether it may succeed later, and what to do.
 *
 * @module
 */

import { StoreError, type StoreOutcome } from '../../errors.ts'
import type { DynamodbItem } from './client.ts'
import { NotARecordError } from './item.ts'

/** What is read of an error; every field may be absent. */
interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  readonly syscall?: string
  readonly $fault?: 'client' | 'server'
  readonly $metadata?: { readonly attempts?: number }
  readonly Item?: DynamodbItem | undefined
}

/** What a verb has when the condition of its write was false. */
export class FailedCondition {
  /** What is there; undefined: nothing. */
  readonly item: DynamodbItem | undefined

  constructor(item: DynamodbItem | undefined) {
    this.item = item
  }
}

const THROTTLED = new Set<unknown>([
  'ProvisionedThroughputExceededException',
  'ReplicatedWriteConflictException',
  'RequestLimitExceeded',
  'RequestThrottledException',
  'ThrottlingException',
  'TransactionConflictException',
])

/** Before any connection, so nothing was sent. */
const UNCONNECTED = new Set<unknown>(['EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENOTFOUND'])

const READS = new Set(['read', 'list'])

/** Tells a write whose condition was false from a failure. */
export function failedConditionOf(error: unknown): FailedCondition | undefined {
  const { name, Item: item } = error as SdkError
  // A second attempt fails its condition because of the first, so it tells nothing.
  if (name !== 'ConditionalCheckFailedException' || wasResent(error)) return undefined
  return new FailedCondition(item)
}

/** Whether DynamoDB put it off, all times that it was sent: nothing was done, and it can be sent again. */
export function isPutOff(error: unknown): boolean {
  return THROTTLED.has((error as SdkError).name) && !wasResent(error)
}

export function toStoreError(error: unknown, operation: string, table: string): StoreError {
  const { outcome, retriable, what, cause } = describe(error, operation)
  return new StoreError(
    `dynamodbStore: ${operation} on table ${JSON.stringify(table)} failed: ${what}`,
    { operation, outcome: READS.has(operation) ? 'not-done' : outcome, retriable, cause },
  )
}

/** The error of a verb that was called with an aborted signal. */
export function abortedBefore(operation: string, table: string): StoreError {
  return new StoreError(
    `dynamodbStore: ${operation} on table ${JSON.stringify(table)} was aborted before it began.`,
    { operation, outcome: 'not-done', retriable: true },
  )
}

interface Description {
  readonly outcome: StoreOutcome
  readonly retriable: boolean
  readonly what: string
  /** Absent where it would hold a part of the record. */
  readonly cause?: unknown
}

function describe(error: unknown, operation: string): Description {
  if (error instanceof NotARecordError) {
    const what =
      'the item is no session record: `val` has to be binary and `expiration` a number. Use a table of its own.'
    return { outcome: 'not-done', retriable: false, what }
  }
  const { name = 'Error', code, syscall, $fault } = error as SdkError
  const refused = (what: string, retriable = false): Description => ({
    outcome: wasResent(error) ? 'unknown' : 'not-done',
    retriable,
    what,
    cause: error,
  })
  if (name === 'ConditionalCheckFailedException') {
    const what =
      'the AWS SDK sent it more than once, so the answer does not tell whether it was done. Make the client with `maxAttempts: 1`.'
    return { outcome: 'unknown', retriable: true, what }
  }
  if (THROTTLED.has(name)) return refused(`${name}.`, true)
  switch (name) {
    case 'ResourceNotFoundException':
      return refused(
        'there is no such table. Call `createTable()` of the store once, or give its name as `table`.',
      )
    case 'AccessDeniedException':
      return refused(`the credentials do not allow it. Grant ${actionsOf(operation)} on the table.`)
    case 'ValidationException':
      return refused(
        'DynamoDB refuses the request. The key of the table has to be `id`, a string, alone.',
      )
    case 'AbortError':
      return {
        outcome: 'unknown',
        retriable: true,
        what: 'it was aborted on its way.',
        cause: error,
      }
    case 'CredentialsProviderError':
      return refused('the AWS SDK found no credentials. Give `credentials` to the client.')
  }
  if (syscall === 'connect' || UNCONNECTED.has(code)) {
    return refused(`no connection (${code ?? name}).`, true)
  }
  if ($fault === 'client') return refused(`${name}.`)
  const retriable = $fault === 'server' || code !== undefined || name === 'TimeoutError'
  return { outcome: 'unknown', retriable, what: `${code ?? name}.`, cause: error }
}

function wasResent(error: unknown): boolean {
  return ((error as SdkError).$metadata?.attempts ?? 1) > 1
}

function actionsOf(operation: string): string {
  switch (operation) {
    case 'read':
      return 'dynamodb:GetItem'
    case 'list':
      return 'dynamodb:Scan'
    case 'sweep':
      return 'dynamodb:Scan and dynamodb:DeleteItem'
    case 'create':
      return 'dynamodb:PutItem and dynamodb:DeleteItem'
    case 'createTable':
      return 'dynamodb:CreateTable, dynamodb:DescribeTable and dynamodb:UpdateTimeToLive'
    case 'delete':
      return 'dynamodb:DeleteItem'
    default:
      return 'dynamodb:UpdateItem and dynamodb:DeleteItem'
  }
}
