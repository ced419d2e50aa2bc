/**
 * How the DynamoDB store asks: conditions in DynamoDB's language, and each failure told in the errors of this package.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { StoreOptions } from '../../core/store.ts'
import { isSessionError } from '../../errors.ts'
import type {
  DynamodbClient,
  DynamodbCondition,
  DynamodbInput,
  DynamodbRequestOptions,
} from './client.ts'
import {
  abortedBefore,
  FailedCondition,
  failedConditionOf,
  isPutOff,
  toStoreError,
} from './errors.ts'
import { instant, isTooLarge, tooLarge } from './item.ts'

export const LIVE = '#e > :now'
export const EXPIRED = '#e <= :now'

/** Stand for the names in expressions, as each name may be a reserved word one day. */
const NAMES = { '#i': 'id', '#v': 'val', '#e': 'expiration' } as const

type Values = Record<string, DynamodbInput>

/** A condition as it goes into a request; `change` is the other expression of that request. */
export function when(
  condition: string,
  values: Values,
  change = '',
): DynamodbCondition & Required<Pick<DynamodbCondition, 'ConditionExpression'>> {
  return {
    ConditionExpression: condition,
    ...partsOf(condition + change, values),
    // What is there instead comes with the refusal, so a lost race costs no second request.
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

/** The names and values of expressions. DynamoDB refuses a name that none of them has. */
function partsOf(expressions: string, values: Values) {
  const names = Object.entries(NAMES).filter(([name]) => expressions.includes(name))
  return {
    ExpressionAttributeNames: Object.fromEntries(names),
    ExpressionAttributeValues: values,
  }
}

/** Sends one request of a verb. */
export type Send = <T>(
  operation: string,
  options: StoreOptions,
  request: (options: DynamodbRequestOptions) => Promise<T>,
  /** Of the record, in bytes. */
  size?: number,
) => Promise<T | FailedCondition>

/** How often a request that DynamoDB puts off is sent, in all; the SDK's own number would count for others, too. */
const ATTEMPTS = 4
/** The longest wait before the second attempt, in ms; then twice as long each time. */
const WAIT = 50

/** Makes a function that rejects with errors of this package only, and resolves for a condition that did not hold. */
export function sender(table: string): Send {
  return async (operation, { signal }, request, size = 0) => {
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted) throw abortedBefore(operation, table)
      try {
        return await request(signal === undefined ? {} : { abortSignal: signal })
      } catch (error) {
        const failed = failedConditionOf(error)
        if (failed !== undefined) return failed
        if (isSessionError(error)) throw error
        if (isTooLarge(error)) throw tooLarge(size)
        if (!isPutOff(error) || attempt === ATTEMPTS) throw toStoreError(error, operation, table)
      }
      await delay(Math.random() * WAIT * 2 ** attempt)
    }
  }
}

/** Yields the keys of the items that a filter lets through, a page at a time. */
export async function* scan(
  client: DynamodbClient,
  TableName: string,
  filter: string,
  now: () => number,
  send: <T>(
    request: (options: DynamodbRequestOptions) => Promise<T>,
  ) => Promise<T | FailedCondition>,
): AsyncGenerator<string[]> {
  let from: Values | undefined
  do {
    const page = await send((options) =>
      client.scan(
        {
          TableName,
          ConsistentRead: true,
          FilterExpression: filter,
          ProjectionExpression: '#i',
          ...partsOf(`${filter} #i`, { ':now': instant(now()) }),
          ...(from !== undefined && { ExclusiveStartKey: from }),
        },
        options,
      ),
    )
    if (page instanceof FailedCondition) return
    yield (page.Items ?? []).flatMap((item) => item['id']?.S ?? [])
    const last = page.LastEvaluatedKey?.['id']?.S
    from = last === undefined ? undefined : { id: { S: last } }
  } while (from !== undefined)
}
