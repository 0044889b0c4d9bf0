// Package web holds the pages and scripts that the server serves. They are embedded in
// the program and need no network but the server. There is no build step: browsers get
// the files of this directory as they are.
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

// Part is a file that the server serves: a page, script, style sheet or icon.
type Part struct {
	// Type is the media type.
	Type string
	// Plain is the content. Gzip is the content compressed, or nil if that is not
	// smaller. Both are shared and must not be changed.
	Plain, Gzip []byte
	// ETag identifies the content.
	ETag string
}

// types are the media types by extension. The system's own table is not used: it may
// differ.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// placeholder is replaced in pages by the version.
var placeholder = []byte("{{version}}")

type parts struct {
	version string
	byName  map[string]*Part
}

// all returns the parts. The first call makes them.
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
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // a level that there is
	if _, err := w.Write(b); err != nil || w.Close() != nil || out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}

// Find returns the part with a name. Names have no directories, not even those of files
// in vendor.
func Find(name string) (*Part, bool) {
	p, ok := all().byName[name]
	return p, ok
}

// Version identifies this build's parts. It is part of their addresses, so that no
// browser mixes the parts of two builds or keeps old ones.
func Version() string { return all().version }
