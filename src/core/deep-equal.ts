/**
 * Whether two values are the same inside.
 *
 * @module
 */

// An import of `node:util`, as of `node:process`, makes all that it could offer, which takes milliseconds.
const { isDeepStrictEqual } = process.getBuiltinModule('node:util')

export { isDeepStrictEqual }
