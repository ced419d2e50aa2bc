/** What the code under test warns of, as if the process had just started. */

import { vi } from 'vitest'

/** What `src/core/warnings.ts` notes: the codes of the warnings that were given. */
export function forgetWarnings(): void {
  ;(globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for('vial.warnings')]?.clear()
}

/**
 * Collects the warnings from now on, and shows none. End it with `vi.restoreAllMocks()`.
 *
 * @returns A list that grows: `CODE: message`.
 */
export function watchWarnings(): readonly string[] {
  forgetWarnings()
  const seen: string[] = []
  vi.spyOn(process, 'emitWarning').mockImplementation(((message, options) => {
    seen.push(`${(options as { code: string }).code}: ${String(message)}`)
  }) as typeof process.emitWarning)
  return seen
}
