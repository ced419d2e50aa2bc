/**
 * How long a test waits for something that must come, ms: long enough for a machine under any load, as only a test that
 * fails waits to the end.
 */
export const PATIENCE = 60_000
