import type { Handle } from '@sveltejs/kit/hooks'

/** The handler of the case that runs. */
export const handle: Handle = (input) => globalThis.vialSuite.handle(input)
