/**
 * The conformance suites, for whoever writes a store or an adapter. They import no test runner.
 *
 * @module
 */

export {
  type AdapterSuiteOptions,
  type Answer,
  adapterSuite,
  type Exchange,
  type ExchangeHandler,
  type Reply,
  type RunningServer,
  type SuiteOptions,
  type SuiteSession,
  type SuiteSessions,
} from './adapter-suite.ts'
export type { SuiteBody, SuiteClock, SuiteTest, SuiteTestContext } from './runner.ts'
export {
  type StoreFixture,
  type StoreSentence,
  type StoreSuiteOptions,
  storeSentences,
  storeSuite,
} from './store-suite.ts'
