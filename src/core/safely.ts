/**
 * Guards against an `onEvent` that throws.
 *
 * @module
 */

import type { OnEvent, SessionEvent } from './events.ts'

/** An `onEvent` that throws must not turn what a stranger sent into a failed request. */
export function safely(onEvent: OnEvent | undefined): OnEvent {
  if (onEvent === undefined) return () => {}
  return (event: SessionEvent) => {
    try {
      onEvent(event)
    } catch (error) {
      process.emitWarning(`onEvent threw on '${event.type}': ${String(error)}`, {
        code: 'VIAL_ON_EVENT',
      })
    }
  }
}
