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

/**
 * Warns of a value that the handler changed too late: after its session was committed, or in one that can only be read.
 *
 * @param keys The keys of such values. Empty: no warning.
 */
export function warnOfLateChange([key]: readonly string[]): void {
  if (key === undefined) return
  warnOnce(
    'VIAL_LATE_CHANGE',
    `Session key '${key}': its value was changed inside after the session was committed, or in a session that can only be read, and the change is not stored. Change it before the response begins.`,
  )
}
