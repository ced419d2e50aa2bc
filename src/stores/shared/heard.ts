/**
 * Who hears what fails where no caller waits.
 *
 * @module
 */

/** An `onError` that never throws: one that does becomes a process warning, an absent one hears nothing. */
export function heard(onError: ((error: unknown) => void) | undefined): (error: unknown) => void {
  return (error) => {
    try {
      onError?.(error)
    } catch (thrown) {
      process.emitWarning(thrown instanceof Error ? thrown : String(thrown))
    }
  }
}
