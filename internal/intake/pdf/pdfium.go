package pdf

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/gofrs/flock"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/emscripten"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// wasmPage is WebAssembly's unit of memory, in bytes.
const wasmPage = 64 << 10

// pdfium is one instance of PDFium. It is not safe for concurrent use. After a
// method panicked with a trap, the instance must be given up.
type pdfium struct {
	ctx     context.Context
	runtime wazero.Runtime
	mod     api.Module
	mem     api.Memory
	limit   uint32 // bytes of linear memory

	// What FPDF_FILEACCESS_CB reads from, while a document is open.
	file     io.ReaderAt
	fileErr  error
	fileRead int64

	unicode, looseBox, origin, object, fontSize, matrix, generated api.Function
	look                                                           looker

	scratch uint32 // 64 bytes in the module's memory for results
	stack   [8]uint64
}

// newPDFium compiles the module, or takes the compiled code from the cache
// directory, and starts it with at most memory bytes of its own. It may panic with a trap.
func newPDFium(ctx context.Context, cacheDir string, memory int64) (*pdfium, error) {
	if len(pdfiumModule) == 0 {
		return nil, fmt.Errorf("this build has no PDFium in it")
	}
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	p := &pdfium{ctx: ctx, limit: math.MaxUint32}
	if memory > 0 {
		pages := uint32(min(memory/wasmPage, 1<<15))
		config = config.WithMemoryLimitPages(pages)
		p.limit = pages * wasmPage
	}
	if cacheDir != "" {
		// Without a cache everything works, but each start compiles anew.
		if cache, err := wazero.NewCompilationCacheWithDir(cacheDir); err == nil {
			config = config.WithCompilationCache(cache)
		}
	}
	p.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, p.runtime); err != nil {
		return nil, fmt.Errorf("starting PDFium: %w", err)
	}
	compiled, err := p.compile(cacheDir)
	if err != nil {
		return nil, fmt.Errorf("compiling PDFium: %w", err)
	}
	if err := p.exportHost(compiled); err != nil {
		return nil, fmt.Errorf("starting PDFium: %w", err)
	}
	// The module gets no files, no arguments, no environment.
	p.mod, err = p.runtime.InstantiateModule(ctx, compiled,
		wazero.NewModuleConfig().WithStartFunctions("_initialize").WithName(""))
	if err != nil {
		return nil, fmt.Errorf("starting PDFium: %w", err)
	}
	p.mem = p.mod.Memory()
	functions := map[string]*api.Function{
		"FPDFText_GetUnicode":      &p.unicode,
		"FPDFText_GetLooseCharBox": &p.looseBox,
		"FPDFText_GetCharOrigin":   &p.origin,
		"FPDFText_GetTextObject":   &p.object,
		"FPDFText_GetFontSize":     &p.fontSize,
		"FPDFText_GetMatrix":       &p.matrix,
		"FPDFText_IsGenerated":     &p.generated,
	}
	maps.Copy(functions, p.look.names())
	for name, f := range functions {
		if *f = p.mod.ExportedFunction(name); *f == nil {
			return nil, fmt.Errorf("this build's PDFium has no function %s", name)
		}
	}
	p.call("FPDF_InitLibrary")
	p.scratch = p.call("malloc", 64)
	return p, nil
}

// compile compiles the module, unless the compiled code is in the cache. That
// takes seconds, and all processors; of several workers that start at once with
// an empty cache, one compiles and the others wait for it.
func (p *pdfium) compile(cacheDir string) (wazero.CompiledModule, error) {
	ctx := experimental.WithCompilationWorkers(p.ctx, runtime.NumCPU())
	if cacheDir == "" {
		return p.runtime.CompileModule(ctx, pdfiumModule)
	}
	mark := compiledMark(cacheDir)
	if _, err := os.Stat(mark); err == nil {
		return p.runtime.CompileModule(ctx, pdfiumModule)
	}
	// Where locks do not work, each compiles for itself.
	lock := flock.New(mark + ".lock")
	if lock.Lock() == nil {
		defer lock.Unlock()
	}
	compiled, err := p.runtime.CompileModule(ctx, pdfiumModule)
	if err == nil {
		// The mark only saves the others the wait: without it all still works.
		_ = os.WriteFile(mark, nil, 0o600)
	}
	return compiled, err
}

// compiledMark is the file that says that a folder has the compiled code: for this
// module, compiler and processor.
func compiledMark(cacheDir string) string {
	// A cheap sum will do: every worker needs it, and a wrong mark costs a wait.
	sum := crc32.Checksum(pdfiumModule, crc32.MakeTable(crc32.Castagnoli))
	return filepath.Join(cacheDir, fmt.Sprintf("compiled-%08x-%s-%s-%s", sum, compiler(), runtime.GOARCH, runtime.GOOS))
}

// compiler is the version of wazero.
var compiler = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/tetratelabs/wazero" {
				return m.Version
			}
		}
	}
	return "dev"
})

// Compiled reports whether a folder has the compiled code of this build's PDFium.
func Compiled(cacheDir string) bool {
	_, err := os.Stat(compiledMark(cacheDir))
	return err == nil
}

// exportHost offers the module the functions that it imports. Of PDFium's
// callbacks only the one that reads the document exists; the others belong to
// features that are never used, and calling one stops the module.
func (p *pdfium) exportHost(compiled wazero.CompiledModule) error {
	host := p.runtime.NewHostModuleBuilder("env")
	emscriptenFunctions, err := emscripten.NewFunctionExporterForModule(compiled)
	if err != nil {
		return err
	}
	emscriptenFunctions.ExportFunctions(host)
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != "env" || name == "emscripten_notify_memory_growth" ||
			len(name) > 7 && name[:7] == "invoke_" {
			continue
		}
		call := func(context.Context, api.Module, []uint64) {
			panic(fmt.Errorf("PDFium calls %s, which is not offered", name))
		}
		if name == "FPDF_FILEACCESS_CB" {
			call = p.readFile
		}
		host.NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(call), f.ParamTypes(), f.ResultTypes()).
			Export(name)
	}
	_, err = host.Instantiate(p.ctx)
	return err
}

// readFile is PDFium's m_GetBlock: param, position, buffer, size; the result is
// 0 if the whole range cannot be read.
func (p *pdfium) readFile(_ context.Context, mod api.Module, stack []uint64) {
	position, buffer, size := uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	stack[0] = 0
	view, ok := mod.Memory().Read(buffer, size)
	if !ok || p.file == nil {
		return
	}
	n, err := p.file.ReadAt(view, int64(position))
	if n == len(view) {
		p.fileRead += int64(n)
		stack[0] = 1
		return
	}
	if err != nil && err != io.EOF {
		p.fileErr = err
	}
}

// trap is an error after which the instance cannot be used any more. What calls PDFium
// panics with it; caught returns it.
type trap struct{ err error }

func (t trap) Error() string { return t.err.Error() }
func (t trap) Unwrap() error { return t.err }

// caught calls a function, and returns its error or the trap in which it ends.
func caught(do func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case trap:
			err = v
		default:
			panic(v)
		}
	}()
	return do()
}

// call calls an exported function and returns its first result's low 32 bits.
func (p *pdfium) call(name string, args ...uint64) uint32 {
	f := p.mod.ExportedFunction(name)
	if f == nil {
		panic(trap{fmt.Errorf("this build's PDFium has no function %s", name)})
	}
	res, err := f.Call(p.ctx, args...)
	if err != nil {
		panic(trap{fmt.Errorf("calling %s: %w", name, err)})
	}
	if len(res) == 0 {
		return 0
	}
	return uint32(res[0])
}

// on calls one of the functions that are called for every character of a text
// page; results are where in the module's memory it writes.
func (p *pdfium) on(f api.Function, text uint32, char int, results ...uint32) uint64 {
	p.stack[0], p.stack[1] = uint64(text), uint64(char)
	for i, r := range results {
		p.stack[2+i] = uint64(r)
	}
	if err := f.CallWithStack(p.ctx, p.stack[:2+len(results)]); err != nil {
		panic(trap{fmt.Errorf("reading characters: %w", err)})
	}
	return p.stack[0]
}

// do calls a function and returns its first result.
func (p *pdfium) do(f api.Function, args ...uint64) uint64 {
	n := copy(p.stack[:], args)
	if err := f.CallWithStack(p.ctx, p.stack[:max(n, 1)]); err != nil {
		panic(trap{fmt.Errorf("looking at the page: %w", err)})
	}
	return p.stack[0]
}

// full reports whether the module, which has failed, did so for want of memory.
func (p *pdfium) full() bool {
	// Memory grows by steps, and a table that grows asks for twice its size: past
	// half of the limit it is likely that such a step has failed.
	return p.mem.Size() > p.limit/2
}

func (p *pdfium) float32At(at uint32) float32 {
	v, _ := p.mem.ReadFloat32Le(at)
	return v
}

// rectF reads the FS_RECTF at scratch: left, top, right, bottom.
func (p *pdfium) rectF() rect {
	b, ok := p.mem.Read(p.scratch, 16)
	if !ok {
		panic(trap{fmt.Errorf("PDFium's memory is gone")})
	}
	f := func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b[i:])) }
	return rect{left: f(0), top: f(4), right: f(8), bottom: f(12)}
}

// rect is a rectangle in PDF's user space: y grows upward.
type rect struct{ left, bottom, right, top float32 }

// document is an open document.
type document struct {
	p      *pdfium
	access uint32 // FPDF_FILEACCESS
	doc    uint32
	pages  int
}

// PDFium's FPDF_GetLastError.
const (
	errPassword = 4
	errSecurity = 5
)

// errOpen is PDFium's refusal to open a document.
type errOpen struct{ code uint32 }

func (e errOpen) Error() string { return fmt.Sprintf("PDFium error %d", e.code) }

// open opens the document. The file must stay readable until close.
func (p *pdfium) open(file io.ReaderAt, size int64) (*document, error) {
	p.file, p.fileErr, p.fileRead = file, nil, 0
	access := p.call("FPDF_FILEACCESS_Create", uint64(size), 1)
	doc := p.call("FPDF_LoadCustomDocument", uint64(access), 0)
	if doc == 0 {
		code := p.call("FPDF_GetLastError")
		p.call("free", uint64(access))
		return nil, cmp.Or(p.fileErr, error(errOpen{code}))
	}
	pages := p.call("FPDF_GetPageCount", uint64(doc))
	return &document{p: p, access: access, doc: doc, pages: int(int32(pages))}, nil
}

func (d *document) close() {
	d.p.call("FPDF_CloseDocument", uint64(d.doc))
	d.p.call("free", uint64(d.access))
	d.p.file = nil
}
