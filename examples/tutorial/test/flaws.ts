/**
 * What can be seen of a page without reading it: its width, its language, the names of its fields, its pictures.
 *
 * @module
 */

/** An expression for the browser: gives a list of what is wrong with the page. */
export const FLAWS: string = `(() => {
  const root = document.documentElement
  const flaws = []
  if (root.scrollWidth > root.clientWidth) flaws.push('too wide by ' + (root.scrollWidth - root.clientWidth))
  if (root.lang !== 'en') flaws.push('no language')
  for (const field of document.querySelectorAll('input:not([type=hidden]), select')) {
    if (field.labels.length === 0 && !field.hasAttribute('aria-label')) flaws.push(field.name)
  }
  for (const image of document.images) if (!image.complete || image.naturalWidth === 0) flaws.push(image.src)
  return flaws
})()`
