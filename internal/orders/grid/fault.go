package grid

import (
	"strings"
	"unicode"

	"tallyman/internal/fault"
)

// SaveAsXLSX says how to convert a file that cannot be read.
const SaveAsXLSX = `open it in Excel, choose File, Save As, "Excel Workbook (*.xlsx)" ` +
	`(or save it as XLSX in LibreOffice), and give that file`

// EmptyFile is the fault of an empty file.
func EmptyFile() error {
	return fault.New(fault.EmptyFile, "the order export is empty; export it again")
}

// NotOrders is the fault of a file that cannot contain orders.
func NotOrders(what string) error {
	return fault.New(fault.NotAnOrderFile,
		"the file is not an order export but %s; give the CSV, XLSX or XLS file that the order system exports", what)
}

// NotRead is the fault of a file that may contain orders, but in a format that is not
// read.
func NotRead(what string) error {
	return fault.New(fault.NotAnOrderFile, "the file is %s, which is not read; %s", what, SaveAsXLSX)
}

// OldXLS is the fault of a workbook of a version that is not read.
func OldXLS(what string) error {
	return fault.New(fault.OldXLS, "the file is %s, which is not read; %s", what, SaveAsXLSX)
}

// Locked is the fault of a workbook with a password.
func Locked() error {
	return fault.New(fault.DamagedOrders, "the workbook is protected by a password; open it in Excel, "+
		"take the password away (File, Info, Protect Workbook, Encrypt with Password, leave it empty), save it, and give that file")
}

// Damaged is the fault of a workbook that breaks the rules of its format.
func Damaged(what string, args ...any) *fault.Error {
	f := fault.New(fault.DamagedOrders, "the workbook is damaged: "+what+"; "+SaveAsXLSX, args...)
	// The decoders' own errors quote the file's bytes.
	f.Message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(f.Message, "\ufffd"))
	return f
}

// Because gives a fault a cause that is not shown to people, such as the internals in
// package mscfb's errors.
func Because(cause error, f *fault.Error) error {
	f.Err = cause
	return f
}
