/**
 * Process warnings about what works and is probably not what was meant. Each is given once per process and has a code,
 * so that `node --disable-warning=VIAL_…` silences it by name. The codes are listed in `docs/errors.md`.
 *
 * @module
 */

/** Of every copy of this package that a program has loaded. */
const GIVEN: unique symbol = Symbol.for('vial.warnings')

/**
 * Emits a process warning, unless one with this code was emitted before.
 *
 * @param message What is wrong, and the fix. It must not hold a session id or a secret.
 */
export function warnOnce(code: `VIAL_${string}`, message: string): void {
  const holder = globalThis as { [GIVEN]?: Set<string> }
  holder[GIVEN] ??= new Set()
  if (holder[GIVEN].has(code)) return
  holder[GIVEN].add(code)
  process.emitWarning(message, { code })
}
