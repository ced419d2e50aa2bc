/**
 * Whether two values are the same inside.
 *
 * @module
 */

import process from 'node:process'

// Not an import: for one, Node 24 loads all that `node:util` could offer, which takes some milliseconds.
const { isDeepStrictEqual } = process.getBuiltinModule('node:util')

export { isDeepStrictEqual }
