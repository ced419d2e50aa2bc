/**
 * What the DynamoDB store uses of the AWS SDK: methods of its aggregated client `DynamoDB`, version 3.
 *
 * @module
 */

/** A value that is sent. */
export type DynamodbInput =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }

/** A value that comes back, as far as it matters here. */
export interface DynamodbValue {
  readonly S?: string | undefined
  readonly N?: string | undefined
  readonly B?: Uint8Array | undefined
}

/** An item as it comes back. */
export type DynamodbItem = Readonly<Record<string, DynamodbValue>>

/** A condition with the values and names that it uses. */
export interface DynamodbCondition {
  readonly ConditionExpression?: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues?: Record<string, DynamodbInput>
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD'
}

/** What goes with each request. */
export interface DynamodbRequestOptions {
  readonly abortSignal?: AbortSignal
}

/** The client as the store uses it: `new DynamoDB()` of `@aws-sdk/client-dynamodb` 3. */
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
  /** Looked at for `maxAttempts`; absent: not looked at. */
  readonly config?: { readonly maxAttempts?: () => Promise<number> }
}

/** What is known of a table. */
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
