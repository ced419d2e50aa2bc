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

/** An item in a response; values of other types are left out. */
export type DynamodbItem = Readonly<
  Record<string, { readonly S?: string; readonly N?: string; readonly B?: Uint8Array }>
>

type Values = Record<string, DynamodbInput>

/** A condition with its names and values. */
export interface DynamodbCondition {
  readonly ConditionExpression?: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues?: Values
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD'
}

/** Options of each request. */
export interface DynamodbRequestOptions {
  readonly abortSignal?: AbortSignal
}

/** A method that sends one request about a table. */
type Request<Input, Output = unknown> = (
  input: Input & { readonly TableName: string },
  options?: DynamodbRequestOptions,
) => Promise<Output>

/** The description of a table. */
export interface DynamodbTable {
  readonly TableStatus?: string | undefined
  readonly KeySchema?: readonly { readonly AttributeName?: string | undefined }[] | undefined
  readonly AttributeDefinitions?:
    | readonly {
        readonly AttributeName?: string | undefined
        readonly AttributeType?: string | undefined
      }[]
    | undefined
}

/** The part of `new DynamoDB()` of `@aws-sdk/client-dynamodb` 3 that the store uses. */
export interface DynamodbClient {
  readonly getItem: Request<
    { readonly Key: Values; readonly ConsistentRead: boolean },
    { readonly Item?: DynamodbItem | undefined }
  >
  readonly putItem: Request<DynamodbCondition & { readonly Item: Values }>
  readonly updateItem: Request<
    DynamodbCondition & { readonly Key: Values; readonly UpdateExpression: string }
  >
  readonly deleteItem: Request<
    DynamodbCondition & { readonly Key: Values; readonly ReturnValues?: 'ALL_OLD' },
    { readonly Attributes?: DynamodbItem | undefined }
  >
  readonly scan: Request<
    {
      readonly ConsistentRead: boolean
      readonly FilterExpression: string
      readonly ProjectionExpression: string
      readonly ExpressionAttributeNames: Record<string, string>
      readonly ExpressionAttributeValues: Values
      readonly ExclusiveStartKey?: Values
    },
    {
      readonly Items?: readonly DynamodbItem[] | undefined
      readonly LastEvaluatedKey?: DynamodbItem | undefined
    }
  >
  readonly createTable: Request<{
    readonly KeySchema: { AttributeName: string; KeyType: 'HASH' }[]
    readonly AttributeDefinitions: { AttributeName: string; AttributeType: 'S' }[]
    readonly BillingMode: 'PAY_PER_REQUEST'
  }>
  readonly describeTable: Request<object, { readonly Table?: DynamodbTable | undefined }>
  readonly describeTimeToLive: Request<
    object,
    {
      readonly TimeToLiveDescription?:
        | {
            readonly TimeToLiveStatus?: string | undefined
            readonly AttributeName?: string | undefined
          }
        | undefined
    }
  >
  readonly updateTimeToLive: Request<{
    readonly TimeToLiveSpecification: { readonly AttributeName: string; readonly Enabled: boolean }
  }>
  /** Read for `maxAttempts`, to warn of retries. Absent: there is no warning. */
  readonly config?: { readonly maxAttempts?: () => Promise<number> }
}
