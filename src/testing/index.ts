/**
 * For tests of applications: a logged-in user, a cookie jar, a clock. For authors of stores and adapters: the conformance
 * suites. Nothing here imports a test runner.
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
export {
  CookieJar,
  loginAs,
  type SetCookies,
  type StorageState,
  storageState,
  TestClock,
} from './application.ts'
export type { SuiteBody, SuiteTest, SuiteTestContext } from './runner.ts'
export {
  type StoreFixture,
  type StoreSentence,
  type StoreSuiteOptions,
  storeSentences,
  storeSuite,
} from './store-suite.ts'
export type { ServerTime, SuiteClock } from './timeline.ts'
