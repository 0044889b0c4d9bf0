// Package web holds the pages and scripts that the server hands out, built into
// the program: they need no network but the server itself.
package web

import "embed"

// Files are the pages and their parts, by name.
//
//go:embed index.html docs.html app.js docs.js client.js style.css
var Files embed.FS
