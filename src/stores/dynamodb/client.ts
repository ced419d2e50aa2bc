/** The part of the AWS SDK, version 3, that the DynamoDB store uses: methods of its aggregated client `DynamoDB`. */

/** Values in a request. */
export type DynamodbValues = Record<
  string,
  { readonly S: string } | { readonly N: string } | { readonly B: Uint8Array }
>

/** An item in a response; values of other types are left out. */
export type DynamodbItem = Readonly<
  Record<string, { readonly S?: string; readonly N?: string; readonly B?: Uint8Array }>
>

/** The condition of a write, with the values of all its expressions. */
export interface DynamodbCondition {
  readonly ConditionExpression?: string
  readonly ExpressionAttributeValues?: DynamodbValues
  readonly ReturnValuesOnConditionCheckFailure?: 'ALL_OLD'
}

/** Options of each request. */
export interface DynamodbRequestOptions {
  readonly abortSignal?: AbortSignal
}

/** A response, any field of which may be absent. */
type Response<Fields> = { readonly [Name in keyof Fields]?: Fields[Name] | undefined }

/** A method that sends one request about a table. */
type Request<Input, Output = object> = (
  input: Input & { readonly TableName: string },
  options?: DynamodbRequestOptions,
) => Promise<Response<Output>>

/** A write of an item. */
type Write<Input> = Request<DynamodbCondition & Input, { Attributes: DynamodbItem }>

/** The description of a table. */
export type DynamodbTable = Response<{
  TableStatus: string
  KeySchema: readonly Response<{ AttributeName: string }>[]
  AttributeDefinitions: readonly Response<{ AttributeName: string; AttributeType: string }>[]
}>

/** The part of `new DynamoDB()` of `@aws-sdk/client-dynamodb` 3 that the store uses. */
export interface DynamodbClient {
  readonly getItem: Request<
    { readonly Key: DynamodbValues; readonly ConsistentRead: true },
    { Item: DynamodbItem }
  >
  readonly updateItem: Write<{ readonly Key: DynamodbValues; readonly UpdateExpression: string }>
  readonly deleteItem: Write<{ readonly Key: DynamodbValues; readonly ReturnValues?: 'ALL_OLD' }>
  readonly scan: Request<
    {
      readonly ConsistentRead: true
      readonly FilterExpression: string
      readonly ProjectionExpression: string
      readonly ExpressionAttributeValues: DynamodbValues
      readonly ExclusiveStartKey?: DynamodbValues
    },
    { Items: readonly DynamodbItem[]; LastEvaluatedKey: DynamodbItem }
  >
  readonly createTable: Request<{
    readonly KeySchema: { AttributeName: string; KeyType: 'HASH' }[]
    readonly AttributeDefinitions: { AttributeName: string; AttributeType: 'S' }[]
    readonly BillingMode: 'PAY_PER_REQUEST'
  }>
  readonly describeTable: Request<object, { Table: DynamodbTable }>
  readonly describeTimeToLive: Request<
    object,
    { TimeToLiveDescription: Response<{ TimeToLiveStatus: string; AttributeName: string }> }
  >
  readonly updateTimeToLive: Request<{
    readonly TimeToLiveSpecification: { readonly AttributeName: string; readonly Enabled: boolean }
  }>
  /** Read for `maxAttempts`, to warn of retries. Absent: there is no warning. */
  readonly config?: { readonly maxAttempts?: () => Promise<number> }
}
