/**
 * What an error of the AWS SDK means: whether the write may have happened, whether it may succeed later, and what to do.
 */

import { type Failure, refused, uncertain } from '../shared/failure.ts'
import type { DynamodbItem } from './client.ts'

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

/** The item was written neither by this store nor by Flask-Session. */
export const NOT_A_RECORD: Failure = refused(
  'the item is not a session record: `val` has to be binary and `expiration` a number. Use a table that holds nothing but sessions',
)

const CONDITION_FAILED = 'ConditionalCheckFailedException'

const THROTTLED = new Set<unknown>([
  'ProvisionedThroughputExceededException',
  'ReplicatedWriteConflictException',
  'RequestLimitExceeded',
  'RequestThrottledException',
  'ThrottlingException',
  'TransactionConflictException',
])

/** Errors before there is a connection, so nothing was sent. */
const UNCONNECTED = new Set<unknown>(['EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENOTFOUND'])

/** The permissions that an operation needs. Absent: those of a conditional update. */
const ACTIONS: Readonly<Record<string, string>> = {
  read: 'dynamodb:GetItem',
  list: 'dynamodb:Scan',
  sweep: 'dynamodb:Scan and dynamodb:DeleteItem',
  delete: 'dynamodb:DeleteItem',
  createTable: 'dynamodb:CreateTable, dynamodb:DescribeTable and dynamodb:UpdateTimeToLive',
}

/** Errors after which nothing was done: what is wrong, and the fix. */
const REFUSALS: Readonly<Record<string, string>> = {
  ResourceNotFoundException:
    'the table does not exist. Call `createTable()` of the store once, or set the option `table`',
  ValidationException:
    'DynamoDB refused the request. The key of the table has to be `id`, a string, alone',
  CredentialsProviderError: 'the AWS SDK found no credentials. Pass `credentials` to the client',
  ExpiredTokenException:
    'the credentials have expired (ExpiredTokenException). Give the client a provider that renews them',
  ...Object.fromEntries(
    [
      'IncompleteSignatureException',
      'InvalidSignatureException',
      'MissingAuthenticationTokenException',
      'UnrecognizedClientException',
    ].map((name) => [
      name,
      `AWS refused the credentials (${name}). Check the keys of the client, its region and the clock`,
    ]),
  ),
}

/** An error of the SDK that only its text tells from others. */
const NO_REGION = 'the client has no region. Give it { region } or set AWS_REGION'

/** The refusal of a write whose condition was false, with the item that exists instead; undefined for another error. */
export function failedCondition(error: unknown): Pick<SdkError, 'Item'> | undefined {
  // The condition of a second attempt may be false because of the first.
  return (error as SdkError).name === CONDITION_FAILED && !wasRetried(error)
    ? (error as SdkError)
    : undefined
}

/** Whether DynamoDB put a request off, for another writer or for its limits. An earlier attempt of the SDK may have been done. */
export function isPutOff(error: unknown): boolean {
  return THROTTLED.has((error as SdkError | undefined)?.name)
}

/** Whether DynamoDB put off a request that was sent once: nothing was done, and it can be sent again. */
export function isThrottled(error: unknown): boolean {
  return isPutOff(error) && !wasRetried(error)
}

/** Whether DynamoDB refused a write because the item would be too large. */
export function isTooLarge(error: unknown): boolean {
  const { name, message = '' } = error as SdkError
  // Only the text tells it from other validation errors.
  return name === 'ValidationException' && /item size/i.test(message)
}

/** Describes an error of the SDK. */
export function classifyError(error: unknown, operation: string): Failure {
  const { name = 'Error', message, code, syscall, $fault } = error as SdkError
  /** Nothing was done, unless by an earlier attempt. */
  const undone = (what: string, retriable = false): Failure => {
    return { ...(wasRetried(error) ? uncertain : refused)(what, retriable), cause: error }
  }
  if (name === CONDITION_FAILED) {
    const what =
      'the AWS SDK sent the request more than once, so the answer does not show whether it was done. Create the client with `maxAttempts: 1`'
    return { ...uncertain(what), cause: error }
  }
  if (isPutOff(error)) return undone(name, true)
  if (name === 'AccessDeniedException') {
    const actions = ACTIONS[operation] ?? 'dynamodb:UpdateItem and dynamodb:DeleteItem'
    return undone(`the credentials do not allow it. Grant ${actions} on the table`)
  }
  if (syscall === 'connect' || UNCONNECTED.has(code)) {
    return undone(`the connection could not be opened (${code ?? name})`, true)
  }
  const hint = message === 'Region is missing' ? NO_REGION : REFUSALS[name]
  const what = hint ?? ($fault === 'client' ? name : undefined)
  if (what !== undefined) return undone(what)
  const aborted = name === 'AbortError'
  const retriable = aborted || $fault === 'server' || code !== undefined || name === 'TimeoutError'
  const lost = aborted ? 'the request was aborted after it was sent' : (code ?? name)
  return { ...uncertain(lost, retriable), cause: error }
}

function wasRetried(error: unknown): boolean {
  return ((error as SdkError).$metadata?.attempts ?? 1) > 1
}
