package bol

import (
	"bytes"
	"encoding/gob"
	"errors"
	"reflect"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// full sets every field below v to something, file indexes to 0 and pages to 1.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Name == "File" || !f.IsExported() {
				continue // what is not exported is not stored
			}
			full(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		full(v.Index(0))
		full(v.Index(1))
	case reflect.String:
		v.SetString("x")
	case reflect.Int:
		v.SetInt(1)
	case reflect.Float32:
		v.SetFloat(1.5)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// files returns the file indexes of all values of a page.
func files(v reflect.Value, found map[int]int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "File" {
				found[int(v.Field(i).Int())]++
			}
			files(v.Field(i), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			files(v.Index(i), found)
		}
	}
}

func fullReading() *reading {
	r := &reading{File: 0, Page: 1, Known: true, N: 1, M: 1, Text: "x", Columns: []Place{{"style", page.Box{X1: 1}}}}
	full(reflect.ValueOf(&r.Bill).Elem())
	// A page's reading has neither of these; its bill gets them.
	r.Bill.Sheets, r.Bill.Verdict = nil, Verdict{}
	r.Problems = []Problem{{Kind: UnreadRow, Page: 1, Message: "m"}}
	return r
}

func TestPagesSurviveStorage(t *testing.T) {
	p := &Pages{Files: []File{{"a.pdf", 1}}, readings: []*reading{fullReading()}}
	var b bytes.Buffer
	must.OK(t, p.Encode(&b))
	got, err := DecodePages(b.Bytes())
	must.OK(t, err)
	if !reflect.DeepEqual(got, p) {
		t.Errorf("got  %+v\nwant %+v", got.readings[0], p.readings[0])
	}
}

// encodedBefore encodes pages as version 0.1.0 did: as a gob within a gob.
type encodedBefore []byte

func (e encodedBefore) GobEncode() ([]byte, error) { return e, nil }

func TestAppendedPagesKeepApart(t *testing.T) {
	a := &Pages{Files: []File{{"a.pdf", 1}}, readings: []*reading{fullReading()}}
	b := &Pages{Files: []File{{"b.pdf", 1}}, readings: []*reading{fullReading()}}
	var all Pages
	all.Append(a)
	all.Append(b)
	if len(all.Files) != 2 || len(all.readings) != 2 || all.readings[1].File != 1 || all.readings[1].Problems[0].File != 1 {
		t.Fatalf("got %+v", all)
	}
	for i, r := range all.readings {
		found := map[int]int{}
		files(reflect.ValueOf(r.Bill), found)
		if len(found) != 1 || found[i] == 0 {
			t.Errorf("values of file %d have the files %v", i, found)
		}
	}
	found := map[int]int{}
	files(reflect.ValueOf(b.readings[0].Bill), found)
	if len(found) != 1 || found[0] == 0 {
		t.Errorf("appending changed the appended pages: files %v", found)
	}
}

func TestPagesOfAnotherVersionAreRefused(t *testing.T) {
	var now, other, before bytes.Buffer
	p := &Pages{Files: []File{{"a.pdf", 1}}, readings: []*reading{fullReading()}}
	err := errors.Join(p.Encode(&now), gob.NewEncoder(&other).Encode(stored{Version: 1}), gob.NewEncoder(&before).Encode(encodedBefore(now.Bytes())))
	must.OK(t, err)
	for name, b := range map[string][]byte{"another version": other.Bytes(), "version 0.1.0": before.Bytes(), "half": now.Bytes()[:now.Len()/2], "nothing": nil} {
		if got, err := DecodePages(b); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		}
	}
}
