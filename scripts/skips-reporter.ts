/**
 * Prevents: a green run that tested less than it seems. Lists what was skipped and why, fails a run with skips where
 * `CI` is set, and ends with one line of counts.
 */

import process from 'node:process'
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node'

export class SkipsReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    // With `-t`, whatever does not match is skipped too, on purpose.
    const filtered = this.#vitest?.config.testNamePattern !== undefined
    let passed = 0
    let failed = errors.length
    const skipped: string[] = []
    for (const module of modules) {
      const failedBefore = failed
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else if (!filtered) skipped.push(nameOf(test))
      }
      // A file that could not be loaded has no tests that could fail.
      if (failed === failedBefore && module.state() === 'failed') failed++
    }
    for (const line of skipped) this.#print(`skipped: ${line}`)
    if (skipped.length > 0 && isCi()) {
      this.#print(`Where CI is set every test must run, and ${skipped.length} did not.`)
      process.exitCode = 1
    }
    this.#print(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
  }

  #print(line: string): void {
    this.#vitest?.logger.log(line)
  }
}

/** The file, the name and, where the test gave one, the reason. */
function nameOf(test: TestCase): string {
  const result = test.result()
  const note = result.state === 'skipped' && result.note !== undefined ? `: ${result.note}` : ''
  return `${test.module.relativeModuleId} > ${test.fullName}${note}`
}

function isCi(): boolean {
  return process.env['CI'] !== undefined && !['', '0', 'false'].includes(process.env['CI'])
}
