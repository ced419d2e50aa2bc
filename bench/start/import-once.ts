/** Imports one module in this new process. Prints how long that took, or, given our folder, how many of its files came along. */

import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

// No `node:process` here: importing it takes milliseconds, which whoever is imported next would not have to pay.

const [file = '', dist] = process.argv.slice(2)
const folders: Record<string, number> = {}
// Watching takes time of its own, so whoever wants the time does not name a folder to count.
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
