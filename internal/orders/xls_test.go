package orders

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"unicode/utf16"

	"tallyman/internal/fault"
)

// rename renames a stream of a compound file.
func rename(t *testing.T, data []byte, from, to string) []byte {
	t.Helper()
	wide := func(s string) []byte {
		b := make([]byte, 64)
		for i, u := range utf16.Encode([]rune(s)) {
			binary.LittleEndian.PutUint16(b[2*i:], u)
		}
		return b
	}
	i := bytes.Index(data, wide(from))
	if i < 0 {
		t.Fatalf("no stream %s", from)
	}
	data = bytes.Clone(data)
	copy(data[i:], wide(to))
	binary.LittleEndian.PutUint16(data[i+64:], uint16(2*len(to)+2))
	return data
}

func TestCompoundFilesThatAreRefused(t *testing.T) {
	xls := fixture(t, "invented.xls")
	huge := rename(t, xls, "Workbook", "Workbook")
	i := bytes.Index(huge, []byte("W\x00o\x00r\x00k\x00b\x00o\x00o\x00k\x00"))
	binary.LittleEndian.PutUint32(huge[i+120:], math.MaxUint32)
	for _, tt := range []struct {
		name string
		data []byte
		code fault.Code
		says string
	}{
		{"a workbook with a password", rename(t, xls, "Workbook", "EncryptedPackage"), fault.DamagedOrders, "protected by a password"},
		{"a Word document", rename(t, xls, "Workbook", "WordDocument"), fault.NotAnOrderFile, "a Word document"},
		{"a PowerPoint presentation", rename(t, xls, "Workbook", "PowerPoint Document"), fault.NotAnOrderFile, "a PowerPoint presentation"},
		{"an Outlook message", rename(t, xls, "Workbook", "__properties_version1.0"), fault.NotAnOrderFile, "an Outlook message"},
		{"something else", rename(t, xls, "Workbook", "Drawing"), fault.NotAnOrderFile, "not a workbook"},
		{"a stream larger than the file", huge, fault.DamagedOrders, "larger than the file"},
		{"cut off", xls[:len(xls)/2], fault.DamagedOrders, "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, tt.data, Limits{})
			wantFault(t, err, tt.code, tt.says)
		})
	}
	wantRows(t, mustRead(t, rename(t, xls, "Workbook", "WORKBOOK")), invented)
}
