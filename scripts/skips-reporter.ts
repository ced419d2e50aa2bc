/**
 * A reporter for vitest: one line for each reason why tests were skipped, and a last line of counts. Where `CI` is set,
 * a run with a skipped test fails.
 */

import process from 'node:process'
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node'

export class SkipsReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    // With `-t`, whatever does not match is skipped on purpose.
    const filtered = this.#vitest?.config.testNamePattern !== undefined
    let passed = 0
    let failed = errors.length
    let skipped = 0
    const reasons = new Map<string, number>()
    for (const module of modules) {
      const failedBefore = failed
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else if (!filtered) {
          skipped++
          const reason = reasonOf(test)
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        }
      }
      // A file that could not be loaded has no tests that could fail.
      if (failed === failedBefore && module.state() === 'failed') failed++
    }
    for (const [reason, count] of reasons) this.#print(`skipped ${count}: ${reason}`)
    if (skipped > 0 && isCi()) {
      this.#print(`Where CI is set every test must run, and ${skipped} did not.`)
      process.exitCode = 1
    }
    this.#print(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  }

  #print(line: string): void {
    this.#vitest?.logger.log(line)
  }
}

/** The reason that the test or its name gives, or else its file. */
function reasonOf(test: TestCase): string {
  const result = test.result()
  const note = result.state === 'skipped' ? result.note : undefined
  const inName = /\(skipped: (.*?)\)(?: >|$)/.exec(test.fullName)?.[1]
  return note ?? inName ?? `without a reason in ${test.module.relativeModuleId}`
}

function isCi(): boolean {
  return process.env['CI'] !== undefined && !['', '0', 'false'].includes(process.env['CI'])
}
