/** Imports one module in this new process, and prints how long that took; with a folder also how many of its files were loaded. */

import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

// No `node:process` here: importing it takes milliseconds, which would then be missing from the measured import.

const [file = '', dist] = process.argv.slice(2)
const folders: Record<string, number> = {}
// Counting takes time of its own, so no folder is named where the time matters.
if (dist !== undefined) count(`${pathToFileURL(dist).href}/`)
const before = performance.now()
await import(file.startsWith('/') ? pathToFileURL(file).href : file)
console.log(JSON.stringify({ took: performance.now() - before, folders }))

function count(root: string): void {
  registerHooks({
    load(url, context, next) {
      if (url.startsWith(root)) {
        const [folder = ''] = url.slice(root.length).split('/')
        const name = folder.endsWith('.js') ? 'top' : folder
        folders[name] = (folders[name] ?? 0) + 1
      }
      return next(url, context)
    },
  })
}
