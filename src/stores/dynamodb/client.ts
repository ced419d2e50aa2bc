/**
 * The part of the AWS SDK, version 3, that the DynamoDB store uses: methods of its aggregated client `DynamoDB`.
 *
 * @module
 */

/** A value in a request. */
export type DynamodbInput =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }

/** A value in a response; other types are left out. */
export interface DynamodbValue {
  readonly S?: string | undefined
  readonly N?: string | undefined
  readonly B?: Uint8Array | undefined
}

/** An item in a response. */
export type DynamodbItem = Readonly<Record<string, DynamodbValue>>

/** A condition with its names and values. */
export interface DynamodbCondition {
  readonly ConditionExpression?: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues?: Record<string, DynamodbInput>
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD'
}

/** Options of each request. */
export interface DynamodbRequestOptions {
  readonly abortSignal?: AbortSignal
}

/** The part of `new DynamoDB()` of `@aws-sdk/client-dynamodb` 3 that the store uses. */
export interface DynamodbClient {
  getItem(
    input: {
      readonly TableName: string
      readonly Key: Record<string, DynamodbInput>
      readonly ConsistentRead: boolean
    },
    options?: DynamodbRequestOptions,
  ): Promise<{ readonly Item?: DynamodbItem | undefined }>
  putItem(
    input: DynamodbCondition & {
      readonly TableName: string
      readonly Item: Record<string, DynamodbInput>
    },
    options?: DynamodbRequestOptions,
  ): Promise<unknown>
  updateItem(
    input: DynamodbCondition & {
      readonly TableName: string
      readonly Key: Record<string, DynamodbInput>
      readonly UpdateExpression: string
    },
    options?: DynamodbRequestOptions,
  ): Promise<unknown>
  deleteItem(
    input: DynamodbCondition & {
      readonly TableName: string
      readonly Key: Record<string, DynamodbInput>
      readonly ReturnValues?: 'ALL_OLD'
    },
    options?: DynamodbRequestOptions,
  ): Promise<{ readonly Attributes?: DynamodbItem | undefined }>
  scan(
    input: {
      readonly TableName: string
      readonly ConsistentRead: boolean
      readonly FilterExpression: string
      readonly ProjectionExpression: string
      readonly ExpressionAttributeNames: Record<string, string>
      readonly ExpressionAttributeValues: Record<string, DynamodbInput>
      readonly ExclusiveStartKey?: Record<string, DynamodbInput>
    },
    options?: DynamodbRequestOptions,
  ): Promise<{
    readonly Items?: readonly DynamodbItem[] | undefined
    readonly LastEvaluatedKey?: DynamodbItem | undefined
  }>
  createTable(
    input: {
      readonly TableName: string
      readonly KeySchema: { AttributeName: string; KeyType: 'HASH' }[]
      readonly AttributeDefinitions: { AttributeName: string; AttributeType: 'S' }[]
      readonly BillingMode: 'PAY_PER_REQUEST'
    },
    options?: DynamodbRequestOptions,
  ): Promise<unknown>
  describeTable(
    input: { readonly TableName: string },
    options?: DynamodbRequestOptions,
  ): Promise<{ readonly Table?: DynamodbTable | undefined }>
  describeTimeToLive(
    input: { readonly TableName: string },
    options?: DynamodbRequestOptions,
  ): Promise<{
    readonly TimeToLiveDescription?:
      | {
          readonly TimeToLiveStatus?: string | undefined
          readonly AttributeName?: string | undefined
        }
      | undefined
  }>
  updateTimeToLive(
    input: {
      readonly TableName: string
      readonly TimeToLiveSpecification: {
        readonly AttributeName: string
        readonly Enabled: boolean
      }
    },
    options?: DynamodbRequestOptions,
  ): Promise<unknown>
  /** Read for `maxAttempts`, to warn of retries. Absent: there is no warning. */
  readonly config?: { readonly maxAttempts?: () => Promise<number> }
}

/** The description of a table. */
export interface DynamodbTable {
  readonly TableStatus?: string | undefined
  readonly KeySchema?:
    | readonly {
        readonly AttributeName?: string | undefined
        readonly KeyType?: string | undefined
      }[]
    | undefined
  readonly AttributeDefinitions?:
    | readonly {
        readonly AttributeName?: string | undefined
        readonly AttributeType?: string | undefined
      }[]
    | undefined
}
