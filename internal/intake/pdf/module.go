package pdf

import (
	_ "unsafe" // for go:linkname

	// Brings the WebAssembly build of PDFium into the binary.
	_ "github.com/klippa-app/go-pdfium/webassembly"
)

// pdfiumModule is go-pdfium's build of PDFium. This package calls it through wazero
// itself: go-pdfium's own interface makes several calls and allocations for the box of
// each character, and takes eight times as long for all characters of a page.
//
// go-pdfium accepts another module in webassembly.Config, but does not export its own,
// and the module is published nowhere else; hence the link. In a release that moves
// the variable this one stays nil: TestTheBuildContainsPDFium fails then, and no
// program starts.
//
//go:linkname pdfiumModule github.com/klippa-app/go-pdfium/internal/pdfium_wasm.Module
var pdfiumModule []byte
