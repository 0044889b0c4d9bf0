// Package web holds the pages and scripts that the server hands out, built into
// the program: they need no network but the server itself. There is no build
// step: what is in this directory is what browsers get.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"sync"
)

//go:embed *.html *.js *.css *.svg vendor/*.js
var files embed.FS

// Part is a page, or a part of one, as it is sent.
type Part struct {
	// Type is the media type.
	Type string
	// Plain are the bytes as they are, Gzip the same compressed; nil if that
	// makes them no smaller. Both are shared and must not be changed.
	Plain, Gzip []byte
	// ETag tells these bytes from all others.
	ETag string
}

// types are the media types by the ending of a name, whatever the system's table
// says.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// placeholder stands in pages where the version belongs.
var placeholder = []byte("{{version}}")

type parts struct {
	version string
	byName  map[string]*Part
}

// all are the parts, made when the first is asked for.
var all = sync.OnceValue(func() *parts {
	contents := map[string][]byte{}
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		contents[path.Base(name)] = b
		sum.Write([]byte(name))
		sum.Write(b)
		return err
	})
	if err != nil {
		panic("the pages that are built in cannot be read: " + err.Error())
	}
	all := &parts{version: hex.EncodeToString(sum.Sum(nil))[:16], byName: map[string]*Part{}}
	for name, b := range contents {
		ext := path.Ext(name)
		if ext == ".html" {
			b = bytes.ReplaceAll(b, placeholder, []byte(all.version))
		}
		hash := sha256.Sum256(b)
		all.byName[name] = &Part{Type: types[ext], Plain: b, Gzip: compressed(b), ETag: `"` + hex.EncodeToString(hash[:16]) + `"`}
	}
	return all
})

func compressed(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(b); err != nil || w.Close() != nil || out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}

// Find returns the part of a name, without directories: what is in vendor is
// found beside the rest.
func Find(name string) (*Part, bool) {
	p, ok := all().byName[name]
	return p, ok
}

// Version tells these parts from those of other builds. The pages ask for their
// parts under it, so that no browser ever mixes two builds, or keeps an old one.
func Version() string { return all().version }
