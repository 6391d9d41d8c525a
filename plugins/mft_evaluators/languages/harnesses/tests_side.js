// Runs the published tests, out of the candidate's reach. Its last act is a pair of strings on descriptor 3.
'use strict'
const { readFileSync, readSync, writeSync } = require('fs')
const { deserialize, serialize } = require('v8')
const vm = require('vm')

const MOST_BYTES = 2 ** 26
class Ended extends Error {}
class CannotCross extends Error {}
let gone = null

const end = reason => {
  gone = new Ended(reason)
  throw gone
}

const read = count => {
  const buffer = Buffer.alloc(count)
  for (let done = 0; done < count; ) {
    const step = readSync(5 + 1, buffer, done, count - done, null)
    if (step === 0) end('it has ended')
    done += step
  }
  return buffer
}

const receive = () => {
  const length = read(4).readUInt32LE()
  if (length > MOST_BYTES) end(`a reply has more than ${MOST_BYTES} bytes`)
  const body = read(length)
  let reply
  try {
    reply = deserialize(body)
  } catch {
    end('it wrote no structured clone')
  }
  if (!Array.isArray(reply) || reply.length !== 2) end('it wrote no reply')
  if (reply[0] === 'raised') throw new Error(String(reply[1]))
  return reply[1]
}

const ask = (name, given) => {
  let body
  try {
    body = serialize([name, given])
  } catch (error) {
    throw new CannotCross(String(error))
  }
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  const all = Buffer.concat([head, body])
  try {
    for (let done = 0; done < all.length; ) done += writeSync(5, all, done)
  } catch {
    end('it reads no requests')
  }
  return receive()
}

const verdict = () => {
  const name = process.argv[2]
  globalThis.require = require
  console.assert = (holds, ...message) => {
    if (!holds) throw new Error(['an assertion failed', ...message].join(' '))
  }
  globalThis[name] = (...given) => ask(name, given)
  try {
    receive()
    vm.runInThisContext(readFileSync('tests.js', 'utf8'), { filename: 'tests.js' })
  } catch (error) {
    if (error instanceof CannotCross) return ['cannot_cross', String(error)]
    if (!gone) return ['fail', tell(error)]
  }
  return gone ? ['ended', gone.message] : ['pass', '']
}

const tell = error => {
  const line = /tests\.js:(\d+)/.exec(String(error.stack))
  return `${error.message ?? error}${line ? ` at line ${line[1]} of the tests` : ''}`
}

const [word, why] = verdict()
writeSync(3, JSON.stringify([word, why.slice(0, 1000)]))
process.exit(0)
