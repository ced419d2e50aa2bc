/**
 * The shopping cart: a list of objects in the session.
 *
 * @module
 */

import { Hono } from 'hono'
import { amount, CATALOGUE, MOST, priceOf } from '../catalogue.ts'
import { code } from '../code.ts'
import { formOf } from '../form.ts'
import { type Html, html } from '../html.ts'
import type { CartLine } from '../sessions.ts'
import type { Site } from '../site.ts'

const SOURCE = code(
  import.meta.url,
  "app.post('/cart/add'",
  'function withOneMore(',
  "app.post('/cart/quantity'",
)

/** The pages at `/cart`. */
export function cartPages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/cart', async (c) => {
    const session = await sessions.of(c)
    return page(c, 'Shopping cart', content(session.get('cart', [])))
  })

  app.post('/cart/add', async (c) => {
    const session = await sessions.of(c)
    const item = (await formOf(c))('item')
    const name = CATALOGUE.get(item)?.name
    if (name === undefined) {
      session.flash('The shop does not have that.', 'error')
    } else {
      session.update('cart', (cart) => withOneMore(cart ?? [], item))
      session.flash(`${name}: one more is in your cart.`, 'success')
    }
    return c.redirect('/cart', 303)
  })

  app.post('/cart/quantity', async (c) => {
    const session = await sessions.of(c)
    const field = await formOf(c)
    const line = session.get('cart')?.find(({ item }) => item === field('item'))
    const quantity = Number(field('quantity'))
    if (line === undefined) session.flash('That is not in your cart any more.', 'error')
    else if (!isQuantity(quantity)) session.flash(`Order 1 to ${MOST} pieces.`, 'error')
    else line.quantity = quantity // Changed in place: this is all it takes to store it.
    return c.redirect('/cart', 303)
  })

  app.post('/cart/remove', async (c) => {
    const session = await sessions.of(c)
    const item = (await formOf(c))('item')
    session.update('cart', (cart) => cart?.filter((line) => line.item !== item))
    return c.redirect('/cart', 303)
  })

  return app
}

function withOneMore(cart: readonly CartLine[], item: string): CartLine[] {
  if (!cart.some((line) => line.item === item)) return [...cart, { item, quantity: 1 }]
  return cart.map((line) =>
    line.item === item ? { item, quantity: Math.min(line.quantity + 1, MOST) } : line,
  )
}

function isQuantity(quantity: number): boolean {
  return Number.isInteger(quantity) && quantity >= 1 && quantity <= MOST
}

function content(cart: readonly CartLine[]): Html {
  return html`
    <ul class="shop">
      ${[...CATALOGUE].map(
        ([id, { name, price }]) => html`
        <li class="card">
          <strong>${name}</strong> <span class="quiet">${amount(price)}</span>
          <form method="post" action="/cart/add">
            <button name="item" value="${id}">Add<span class="sr"> ${name}</span></button>
          </form>
        </li>`,
      )}
    </ul>
    ${cart.length === 0 ? html`<p class="lead">Your cart is empty.</p>` : table(cart)}
    <p><strong>Add</strong> uses <code>update</code>: a function of the value. When two tabs add at the same moment, it runs again on what the other one stored, so both pieces are in the cart. <strong>Change</strong> edits the object that <code>get</code> handed out: there, the last word counts.</p>
    ${SOURCE}`
}

function table(cart: readonly CartLine[]): Html {
  return html`
    <table>
      <caption class="sr">Your cart</caption>
      <thead><tr><th scope="col">Item</th><th scope="col">Quantity</th><th scope="col" class="number">Price</th><th scope="col"><span class="sr">Remove</span></th></tr></thead>
      <tbody>${cart.map(row)}</tbody>
      <tfoot><tr><th scope="row" colspan="2">Total</th><td class="number" id="total">${amount(priceOf(cart))}</td><td></td></tr></tfoot>
    </table>`
}

function row(line: CartLine): Html {
  const name = CATALOGUE.get(line.item)?.name ?? line.item
  return html`
    <tr>
      <th scope="row">${name}</th>
      <td>
        <form class="row" method="post" action="/cart/quantity">
          <input type="hidden" name="item" value="${line.item}">
          <input type="number" name="quantity" value="${line.quantity}" min="1" max="${MOST}" required aria-label="Quantity of ${name}">
          <button class="plain">Change<span class="sr"> ${name}</span></button>
        </form>
      </td>
      <td class="number">${amount(priceOf([line]))}</td>
      <td>
        <form method="post" action="/cart/remove">
          <button class="plain" name="item" value="${line.item}">Remove<span class="sr"> ${name}</span></button>
        </form>
      </td>
    </tr>`
}
