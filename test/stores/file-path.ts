/** Where the file store keeps the file of an id. */

import { createHash } from 'node:crypto'
import { join } from 'node:path'

export function pathOf(root: string, id: string): string {
  const name = createHash('sha256').update(id).digest('hex')
  return join(root, name.slice(0, 2), name)
}
