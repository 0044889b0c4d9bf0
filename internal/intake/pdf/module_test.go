package pdf

import (
	"bytes"
	"testing"
)

// A release of go-pdfium that moves its module leaves the link to it empty.
func TestTheBuildContainsPDFium(t *testing.T) {
	if !bytes.HasPrefix(pdfiumModule, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Fatalf("the linked variable is not a WebAssembly module of version 1: it has %d bytes", len(pdfiumModule))
	}
}
