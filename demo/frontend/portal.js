// Fills the stand-in pages from udata's public API. Whatever comes from it is set as text.

import { language, texts } from './texts.js'

const PAGES = { home, datasets, dataset, organization, login, notifications, mails }
const main = document.querySelector('main')
const { page } = document.body.dataset

class NotFound extends Error {}

// --- udata's API -------------------------------------------------------------------------------

async function read(path) {
  const url = new URL(path, location.origin)
  url.searchParams.set('lang', language)
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  if ([401, 403, 404, 410].includes(response.status)) throw new NotFound(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

// Session forms of udata want a token; its API does not.
async function submit(path, body) {
  const { response } = await read('/get-csrf')
  return fetch(path, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      'X-CSRFToken': response.csrf_token,
    },
    body: JSON.stringify({ ...body, csrf_token: response.csrf_token }),
  })
}

// --- Building pages ----------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value)
    else if (value === true) node.setAttribute(key, '')
    else if (value !== undefined && value !== false) node.setAttribute(key, value)
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null))
  return node
}

// A language that was asked for in the address stays there, so that a link can be shared.
function local(path) {
  const url = new URL(path, location.origin)
  const asked = new URLSearchParams(location.search).get('lang')
  if (asked) url.searchParams.set('lang', asked)
  return url.pathname + url.search + url.hash
}

function show(title, ...content) {
  document.title = `${title} – Culture ouverte`
  main.replaceChildren(...content.filter(Boolean))
}

// « 1er janvier 2026 », "7 September 2026": as the product writes them.
const locale = language === 'en' ? 'en-GB' : language
const written = (iso, style) =>
  new Intl.DateTimeFormat(locale, style).format(new Date(iso)).replace(/^1 (?=\p{L})/u, language === 'fr' ? '1er ' : '1 ')
const day = (iso) => written(iso, { dateStyle: 'long' })
const moment = (iso) => written(iso, { dateStyle: 'long', timeStyle: 'short' })

function size(bytes) {
  const step = Math.min(3, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** step
  const digits = { maximumFractionDigits: value < 10 && step ? 1 : 0 }
  return `${value.toLocaleString(language, digits)} ${texts.size.units[step]}`
}

// Spaces that must not break, in French: before : ; ? ! » and between the thousands.
const typography = (text) =>
  text.replace(/ ([:;?!»])/g, '\u00a0$1').replace(/« /g, '«\u00a0').replace(/(\d) (?=\d{3})/g, '$1\u00a0')

// Enough of Markdown for the sample descriptions: paragraphs and **strong** words.
function prose(markdown) {
  return typography(markdown).split(/\n{2,}/).map((paragraph) => {
    const parts = paragraph.split(/\*\*(.+?)\*\*/)
    return element('p', {}, parts.map((part, i) => (i % 2 ? element('strong', {}, part) : part)))
  })
}

const beginning = (text, length = 160) =>
  text.length <= length ? text : `${text.slice(0, text.lastIndexOf(' ', length))}…`

const holder = ({ organization, owner }) =>
  organization ? organization.name : `${owner.first_name} ${owner.last_name}`

function breadcrumb(current) {
  return element('nav', { class: 'breadcrumb', 'aria-label': texts.breadcrumb },
    element('ol', {},
      element('li', {}, element('a', { href: local('/') }, texts.home)),
      element('li', {}, element('a', { href: local('/datasets') }, texts.datasets)),
      element('li', {}, element('a', { href: local(location.pathname), 'aria-current': 'page' }, current))))
}

// --- Pages -------------------------------------------------------------------------------------

const OURS = '/api/1/culture-feedback'
const PASSWORD = 'Demo-2023'
const DOORS = {
  citizen: ['citoyenne@demo.test', `${OURS}/pages/me/`],
  producer: ['producteur@demo.test', `${OURS}/pages/dashboard/`],
  moderator: ['moderation@demo.test', `${OURS}/pages/moderation/`],
  team: ['consultation@demo.test', `${OURS}/pages/consultations/`],
}

async function home() {
  const [{ data }, open, met] = await Promise.all([
    read('/api/1/datasets/?page_size=50&sort=title'),
    read(`${OURS}/consultations/?state=open&page_size=1`),
    read(`${OURS}/requests/?status=published&page_size=3`),
  ])
  const figures = await figuresOf(data)
  const known = data.filter(({ id }) => figures.get(id)?.total).sort((one, other) =>
    figures.get(other.id).total - figures.get(one.id).total)
  show(texts.homeTitle,
    element('section', { class: 'hero' },
      element('h1', {}, texts.homeTitle),
      element('p', { class: 'lead' }, typography(texts.homeLead)),
      element('form', { class: 'form', action: `${OURS}/pages/requests/`, role: 'search' },
        element('div', { class: 'field' },
          element('label', { for: 'q' }, typography(texts.homeSearch)),
          element('input', { id: 'q', name: 'q', type: 'search', maxlength: 200 })),
        element('button', { class: 'button' }, texts.search))),
    element('section', { 'aria-labelledby': 'doors' },
      element('h2', { id: 'doors' }, texts.doors),
      element('ul', { class: 'cards doors' }, Object.entries(DOORS).map(door)),
      element('p', { class: 'mention' }, texts.doorsHint(PASSWORD))),
    ...open.data.map(consultation),
    met.data.length ? element('section', { 'aria-labelledby': 'done' },
      element('div', { class: 'split' },
        element('h2', { id: 'done' }, texts.done),
        element('a', { href: `${OURS}/pages/requests/?status=published` }, texts.allDone)),
      element('ul', { class: 'cards' }, met.data.map(fulfilled))) : null,
    element('section', { 'aria-labelledby': 'opinions' },
      element('div', { class: 'split' },
        element('h2', { id: 'opinions' }, texts.opinions),
        element('a', { href: local('/datasets') }, texts.allDatasets)),
      cards(known.slice(0, 6), figures, 'h3')))
}

function door([name, [email, next]]) {
  const [title, about] = texts.door[name]
  const query = new URLSearchParams({ email, next })
  return element('li', { class: 'card' },
    element('h3', {}, element('a', { href: `/login?${query}` }, title)),
    element('p', {}, about),
    element('p', { class: 'mention' }, email))
}

function consultation({ title, self_web_url }) {
  return element('section', { class: 'band' },
    element('div', {},
      element('p', { class: 'mention' }, texts.open),
      element('h2', {}, typography(title))),
    element('a', { class: 'button', href: new URL(self_web_url).pathname }, texts.answerIt))
}

function fulfilled({ title, organization, supports, self_web_url }) {
  return element('li', { class: 'card' },
    element('h3', { dir: 'auto' }, element('a', { href: new URL(self_web_url).pathname }, typography(title))),
    element('p', { class: 'mention' }, [organization?.name, texts.asked(supports)].filter(Boolean).join(' · ')))
}

// What the public says of these datasets, in one call.
async function figuresOf(listed) {
  const query = new URLSearchParams(listed.map(({ id }) => ['dataset', id]))
  const { data } = listed.length ? await read(`${OURS}/summaries/?${query}`) : { data: [] }
  return new Map(data.map((summary) => [summary.dataset.id, summary]))
}

function opinions({ total, commented, fitness, requests }) {
  const [share, label] = texts.share(Math.round(100 * fitness.yes / total), texts.yes)
  return element('p', { class: 'mention figures' },
    total < 5 ? element('span', {}, texts.few(total)) : element('span', {}, element('strong', {}, share), label),
    commented ? element('span', {}, texts.commented(commented)) : null,
    requests.open ? element('span', {}, texts.waiting(requests.open)) : null)
}

async function datasets() {
  const { data, total } = await read('/api/1/datasets/?page_size=50&sort=title')
  const figures = await figuresOf(data)
  show(texts.datasets,
    element('h1', {}, texts.datasetsTitle),
    element('p', { class: 'mention' }, texts.count(total)),
    cards(data, figures))
}

function cards(listed, figures = new Map(), heading = 'h2') {
  return element('ul', { class: 'cards' }, listed.map((dataset) =>
    element('li', { class: 'card' },
      element(heading, {},
        element('a', { href: local(`/datasets/${dataset.slug}`) }, typography(dataset.title))),
      element('p', { class: 'mention' }, holder(dataset), element('br'), texts.updated(day(dataset.last_update))),
      figures.get(dataset.id)?.total ? opinions(figures.get(dataset.id)) : null,
      element('p', {}, beginning(typography(dataset.description.replaceAll('**', '')))))))
}

async function organization() {
  const found = await read(`/api/1/organizations/${location.pathname.split('/')[2]}/`)
  const { data, total } = await read(`/api/1/datasets/?organization=${found.id}&page_size=50&sort=title`)
  const heard = `/api/1/culture-feedback/pages/organizations/${found.slug}/`
  show(found.name,
    breadcrumb(found.name),
    element('h1', {}, typography(found.name)),
    element('div', { class: 'prose' }, prose(found.description)),
    element('section', { 'aria-labelledby': 'datasets' },
      element('h2', { id: 'datasets' }, texts.datasets),
      element('p', { class: 'mention' }, texts.count(total)),
      cards(data)),
    element('culture-feedback-panel', { src: heard }, element('a', { href: heard }, texts.heard)))
}

async function dataset() {
  const slug = location.pathname.split('/')[2]
  const [found, licences, frequencies] = await Promise.all([
    read(`/api/1/datasets/${slug}/`),
    read('/api/1/datasets/licenses/'),
    read('/api/1/datasets/frequencies/'),
  ])
  const discussions = await read(`/api/1/discussions/?for=${found.id}&sort=-created`)
  const feedback = element('culture-feedback', { 'dataset-id': found.id })
  const feedbackPage = `/api/1/culture-feedback/pages/datasets/${found.id}/`
  feedback.append(element('a', { href: feedbackPage }, texts.feedback))
  show(found.title,
    breadcrumb(found.title),
    element('div', { class: 'dataset' },
      element('div', {},
        element('h1', {}, typography(found.title), found.private ? ' ' : null,
          found.private ? element('span', { class: 'badge' }, texts.private) : null),
        element('div', { class: 'prose' }, prose(found.description))),
      facts(found, licences, frequencies),
      element('section', { 'aria-labelledby': 'files' },
        element('h2', { id: 'files' }, texts.files),
        element('ul', { class: 'stack' }, found.resources.map(resource))),
      feedback,
      element('section', { 'aria-labelledby': 'discussions' },
        element('h2', { id: 'discussions' }, texts.discussions),
        ...threads(discussions.data))))
  const wanted = new URLSearchParams(location.search).get('discussion_id')
  const thread = document.getElementById(`discussion-${wanted}`)
  if (!thread) return
  thread.closest('details')?.setAttribute('open', '')
  // The section above comes later and pushes the thread down: follow it, until somebody moves.
  const following = new ResizeObserver(() => thread.scrollIntoView())
  following.observe(thread.closest('main'))
  for (const move of ['wheel', 'pointerdown', 'keydown']) {
    addEventListener(move, () => following.disconnect(), { once: true })
  }
}

// What the widget shows above already is folded, as it would be in another tab.
function threads(found) {
  const ours = found.filter(({ title }) => /^\[(Retour|Demande|Feedback|Request)\]/.test(title))
  const others = found.filter((one) => !ours.includes(one))
  const listed = (some) => element('ul', { class: 'stack' }, some.map(discussion))
  return [
    others.length ? listed(others) : null,
    ours.length ? element('details', {}, element('summary', {}, texts.fromFeedback(ours.length)), listed(ours)) : null,
    found.length ? null : element('p', {}, texts.noDiscussion),
  ].filter(Boolean)
}

function facts(dataset, licences, frequencies) {
  const label = (list, id, name) => list.find((entry) => entry.id === id)?.[name] ?? id
  const { start, end } = dataset.temporal_coverage ?? {}
  const entries = [
    [texts.publishedBy, dataset.organization
      ? element('a', { href: local(`/organizations/${dataset.organization.slug}`) }, holder(dataset))
      : holder(dataset)],
    [texts.lastUpdate, day(dataset.last_update)],
    [texts.frequency, label(frequencies, dataset.frequency, 'label')],
    [texts.licence, label(licences, dataset.license, 'title')],
    [texts.coverage, start && (end ? texts.between(day(start), day(end)) : texts.since(day(start)))],
    [texts.keywords, dataset.tags.join(', ')],
    [texts.harvested, dataset.harvest?.domain],
  ]
  return element('dl', { class: 'facts' }, entries.filter(([, value]) => value).map(([term, value]) =>
    [element('dt', {}, term), element('dd', {}, value)]))
}

function resource({ id, title, description, format, filesize, latest, last_modified }) {
  return element('li', { class: 'card resource', id: `resource-${id}` },
    element('div', {},
      element('h3', {}, title),
      element('p', { class: 'mention' },
        [format.toUpperCase(), filesize && size(filesize), texts.updated(day(last_modified))].filter(Boolean).join(' · ')),
      description ? element('p', {}, description) : null),
    // Through udata's permanent address, as cdata does.
    element('a', { class: 'button secondary', href: new URL(latest).pathname, 'aria-label': `${texts.download} ${title}` },
      texts.download))
}

function discussion({ id, title, closed, discussion: messages }) {
  return element('li', { class: 'card', id: `discussion-${id}` },
    element('h3', {}, title, closed ? element('span', { class: 'mention' }, ` (${texts.closed})`) : null),
    messages.map(({ content, posted_by, posted_by_organization, posted_on }) =>
      element('div', { class: 'message' },
        element('p', { class: 'mention' },
          texts.by(holder({ organization: posted_by_organization, owner: posted_by }), moment(posted_on))),
        element('p', { class: 'as-written' }, content))))
}

function login() {
  const error = element('p', { class: 'error', role: 'alert', hidden: true, tabindex: '-1' })
  const field = (name, type, autocomplete) =>
    element('div', { class: 'field' },
      element('label', { for: name }, texts[name]),
      element('input', { id: name, name, type, autocomplete, required: true, value: known[name] }))
  // Through a door of the front page, whose account is written there.
  const email = new URLSearchParams(location.search).get('email') ?? undefined
  const known = { email, password: email && PASSWORD }
  const form = element('form', { class: 'form', method: 'post', action: '/login/', onsubmit: logIn },
    error,
    field('email', 'email', 'username'),
    field('password', 'password', 'current-password'),
    element('button', { class: 'button' }, texts.login))

  async function logIn(event) {
    event.preventDefault()
    const { email, password } = Object.fromEntries(new FormData(form))
    if (await me) await submit('/logout/', {}) // udata refuses to log in twice
    const response = await submit('/login/', { email, password })
    if (response.ok) {
      location.assign(next())
    } else {
      const answer = await response.json().catch(() => ({}))
      error.textContent = answer.response?.errors?.[0] ?? texts.loginFailed
      error.hidden = false
      error.focus()
    }
  }

  show(texts.loginTitle,
    element('h1', {}, texts.loginTitle),
    element('p', { class: 'mention' }, texts.loginHint),
    form)
}

// Where to go after logging in: a path of this site, or the front page.
function next() {
  const wanted = new URLSearchParams(location.search).get('next') ?? ''
  const home = local('/')
  if (!wanted.startsWith('/')) return home
  const url = new URL(wanted, location.origin)
  return url.origin === location.origin ? url.pathname + url.search + url.hash : home
}

async function notifications() {
  const title = element('h1', {}, texts.notificationsTitle)
  const user = await me
  if (!user) return show(texts.notificationsTitle, title, element('p', {}, texts.mustLogIn))
  const { data } = await read('/api/1/notifications/?page_size=50')
  show(texts.notificationsTitle, title,
    data.length
      ? element('ul', { class: 'stack' }, data.map(notification))
      : element('p', {}, texts.noNotification))
}

function notification({ type, created_at, handled_at, details }) {
  const thread = details?.discussion
  // On another host (127.0.0.1 for localhost) the session would be lost: keep the path only.
  const address = thread?.self_web_url && new URL(thread.self_web_url)
  return element('li', { class: 'card' },
    element('p', { class: 'mention', style: 'margin: 0' },
      moment(created_at), handled_at ? ` (${texts.handled})` : null),
    element('h2', { style: 'margin: 0; font-size: 1.0625rem' }, texts.kinds[type] ?? type),
    thread
      ? element('p', {}, address
        ? element('a', { href: local(address.pathname + address.search) }, thread.title)
        : thread.title)
      : null)
}

async function mails() {
  const sent = await read('/demo/mails.json')
  show(texts.mailsTitle,
    element('h1', {}, texts.mailsTitle),
    element('p', { class: 'mention' }, texts.mailsHint),
    sent.length
      ? element('ul', { class: 'stack' }, sent.map((mail) =>
        element('li', { class: 'card' },
          element('h2', { style: 'margin: 0; font-size: 1.0625rem' }, mail.subject),
          element('p', { class: 'mention' }, texts.to(mail.recipient, moment(mail.date))),
          element('p', { class: 'as-written' }, ...linked(mail.text)))))
      : element('p', {}, texts.noMail))
}

// The addresses in a text, as links on this host: on another (127.0.0.1 for localhost) the session
// would be lost.
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/).map((part, place) => {
    if (place % 2 === 0) return part
    const { hostname, pathname, search, hash } = new URL(part)
    const here = /^(localhost|127\.0\.0\.1)$/.test(hostname)
    return element('a', { href: here ? pathname + search + hash : part }, part)
  })
}

// --- Header and footer -------------------------------------------------------------------------

// Whoever is logged in, or null. The shell says whether to ask: to a visitor, /me/ answers an error.
const me = document.body.dataset.session === 'open' ? whoAmI() : Promise.resolve(null)

async function whoAmI() {
  const response = await fetch('/api/1/me/')
  return response.ok ? response.json() : null
}

async function frame() {
  for (const node of document.querySelectorAll('[data-text]')) {
    node.textContent = texts[node.dataset.text]
  }
  document.getElementById('menu').setAttribute('aria-label', texts.menu)
  for (const link of document.querySelectorAll('#menu a, .brand, .site-footer a[data-text]')) {
    const current = link.closest('#menu') && new URL(link.href).pathname === location.pathname
    if (current) link.setAttribute('aria-current', 'page')
    link.href = local(link.getAttribute('href'))
  }
  const other = document.getElementById('other-language')
  const url = new URL(location.href)
  url.searchParams.delete('lang')
  const to = language === 'en' ? 'fr' : 'en'
  other.textContent = texts.otherLanguage
  other.lang = other.hreflang = to
  other.href += `?${new URLSearchParams({ to, next: url.pathname + url.search })}`

  await account()
}

async function account() {
  const place = document.getElementById('account')
  const user = await me
  if (!user) {
    if (page === 'login') return
    const path = local(location.pathname + location.search)
    place.append(element('a', { class: 'button secondary', href: local(`/login?next=${encodeURIComponent(path)}`) }, texts.login))
    return
  }
  const logOut = async () => {
    await submit('/logout/', {})
    location.reload()
  }
  place.append(
    element('span', {}, `${user.first_name} ${user.last_name}`),
    element('button', { class: 'button secondary', type: 'button', onclick: logOut }, texts.logout))
  await places()
  const { total } = await read('/api/1/notifications/?handled=false&page_size=1')
  const bell = document.getElementById('bell')
  bell.hidden = false
  bell.querySelector('a').textContent = total ? `${texts.notifications} (${total})` : texts.notifications
}

// Where somebody works, with what waits there: as the header of the product's pages says it.
async function places() {
  const answer = await fetch(local(`${OURS}/pages/charter/`))
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  for (const { href, firstChild, lastElementChild } of page.querySelectorAll('.cf-header > .cf-wrap > .cf-menu .cf-work a')) {
    const number = parseInt(lastElementChild?.textContent, 10)
    const { pathname } = new URL(href)
    document.querySelector('#menu ul').append(element('li', {}, element('a', { href: pathname },
      firstChild.textContent.trim(),
      number ? element('span', { class: 'count', title: texts.work }, `${number}`) : null)))
  }
}

frame()

try {
  await PAGES[page]()
} catch (error) {
  const missing = error instanceof NotFound
  const title = missing ? texts.notFound : 'Culture ouverte'
  show(title, element('h1', {}, title), element('p', {}, missing ? texts.notFoundText : texts.failure))
  if (!missing) throw error
}
