// Serves calls of the candidate's function: requests come on descriptor 5, replies go to 6, each as a length of four
// bytes and a structured clone. Nothing in this process is believed.
'use strict'
const { readSync, writeSync } = require('fs')
const { deserialize, serialize } = require('v8')

const read = count => {
  const buffer = Buffer.alloc(count)
  for (let done = 0; done < count; ) {
    const step = readSync(5, buffer, done, count - done, null)
    if (step === 0) process.exit(0)
    done += step
  }
  return buffer
}

const send = message => {
  const body = serialize(message)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  const all = Buffer.concat([head, body])
  for (let done = 0; done < all.length; ) done += writeSync(6, all, done)
}

const attempt = action => {
  try {
    return ['returned', action()]
  } catch (error) {
    return ['raised', String(error)]
  }
}

let functions = {}
send(attempt(() => { functions = require('./candidate.js') }))
for (;;) {
  const [name, given] = deserialize(read(read(4).readUInt32LE()))
  const reply = attempt(() => functions[name](...given))
  try {
    send(reply)
  } catch (error) {
    send(['raised', String(error)])
  }
}
