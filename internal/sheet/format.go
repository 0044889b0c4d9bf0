package sheet

import (
	"io"
	"slices"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/text"
)

// Format is a file format that a sheet is written in.
type Format string

// The formats. Callers ask for them by these names, which are part of the HTTP
// contract.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
	JSON Format = "json"
	// EBOL is JSON with drafts of electronic bills of lading for carriers.
	EBOL Format = "ebol"
)

// Formats are all formats, in the order in which they are offered.
var Formats = [...]Format{CSV, XLSX, JSON, EBOL}

// ParseFormat returns the format of a name, in any case. For any other text, ""
// included, it fails with a fault.BadRequest that lists the formats.
func ParseFormat(name string) (Format, error) {
	if f := Format(strings.ToLower(name)); slices.Contains(Formats[:], f) {
		return f, nil
	}
	return "", unknown(name)
}

// ContentType returns the format's media type.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8"
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case JSON, EBOL:
		return "application/json"
	}
	return "application/octet-stream"
}

// Ext returns the format's file name extension, with its dot.
func (f Format) Ext() string {
	if f == EBOL {
		return ".ebol.json"
	}
	return "." + string(f)
}

// Write writes the sheet in the given format. See WriteCSV, WriteXLSX, WriteJSON and
// WriteEBOL for the errors; an unknown format is a fault.BadRequest.
func Write(w io.Writer, s *Sheet, f Format) error {
	switch f {
	case CSV:
		return WriteCSV(w, s)
	case XLSX:
		return WriteXLSX(w, s)
	case JSON:
		return WriteJSON(w, s)
	case EBOL:
		return WriteEBOL(w, s)
	}
	return unknown(string(f))
}

func unknown(name string) error {
	return fault.New(fault.BadRequest, "there is no format %s; ask for csv, xlsx, json or ebol", quote(name))
}

// unwritable is the fault of an output that cannot be written.
func unwritable(f Format, err error) error {
	return fault.New(fault.Unwritable, "the sheet could not be written as %s: %w", strings.ToUpper(string(f)), err)
}

// quote returns s in quotes and shortened, for a sentence: it comes from outside.
func quote(s string) string {
	const most = 40
	if r := []rune(s[:min(len(s), 4*most+4)]); len(r) > most {
		return text.Quote(string(r[:most])) + "…"
	}
	return text.Quote(s)
}
