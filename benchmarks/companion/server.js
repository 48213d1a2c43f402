// Uppy Companion as its README mounts it into an Express app, without a session store of its own and
// without a request log: fewer parts than its standalone server, so it is the harder peer.

import { randomBytes } from 'node:crypto'
import * as companion from '@uppy/companion'
import express from 'express'
import session from 'express-session'

const { env } = process
const app = express()
app.use(express.json())
app.use(session({ secret: env.SECRET, resave: false, saveUninitialized: false }))
const { app: routes } = companion.app({
  secret: env.SECRET,
  filePath: env.DATA_DIR,
  server: { host: `127.0.0.1:${env.PORT}`, protocol: 'http' },
  uploadUrls: ['http://127.0.0.1'],
  corsOrigins: true,
  metrics: false,
  s3: {
    key: env.AWS_ACCESS_KEY_ID,
    secret: env.AWS_SECRET_ACCESS_KEY,
    endpoint: env.S3_ENDPOINT_URL,
    bucket: env.S3_BUCKET_NAME,
    region: env.S3_REGION,
    forcePathStyle: true,
    expires: 900,
    getKey: ({ filename }) => `recordings/${randomBytes(16).toString('hex')}_${filename}`,
  },
})
app.use(routes)
app.listen(Number(env.PORT), '127.0.0.1')
