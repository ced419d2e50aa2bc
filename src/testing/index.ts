/**
 * The conformance suites for authors of stores and adapters. They import no test runner.
 *
 * @module
 */

export type {
  Exchange,
  ExchangeHandler,
  Reply,
  SuiteMiddleware,
  SuiteOptions,
  SuiteSessions,
} from './adapter-case.ts'
export { type AdapterSuiteOptions, adapterSuite, type RunningServer } from './adapter-suite.ts'
export type { SuiteBody, SuiteTest, SuiteTestContext } from './runner.ts'
export {
  type StoreFixture,
  type StoreSentence,
  type StoreSuiteOptions,
  storeSentences,
  storeSuite,
} from './store-suite.ts'
export type { ServerTime, SuiteClock } from './timeline.ts'
