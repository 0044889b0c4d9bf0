package soak

import "os"

// canStop says that processes cannot be stopped and continued here.
const canStop = false

// The signals that stop and continue a process, which are not sent here.
var stopped, continued = os.Kill, os.Kill

const nonBlocking = 0
