package bol

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/page"
)

// full sets every field below v to something, file indexes to 0 and pages to 1.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name == "File" {
				continue
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

// files collects the file indexes of all that was read from a page.
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
	r := &reading{file: 0, page: 1, known: true, n: 1, m: 1, text: "x", columns: []Place{{"style", page.Box{X1: 1}}}}
	full(reflect.ValueOf(&r.bill).Elem())
	// A page's reading has neither of these; its bill gets them.
	r.bill.Sheets, r.bill.Verdict = nil, Verdict{}
	r.problems = []Problem{{Kind: UnreadRow, Page: 1, Message: "m"}}
	return r
}

func TestPagesSurviveStorage(t *testing.T) {
	p := &Pages{Files: []File{{"a.pdf", 1}}, readings: []*reading{fullReading()}}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(p); err != nil {
		t.Fatal(err)
	}
	var got Pages
	if err := gob.NewDecoder(&b).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, p) {
		t.Errorf("got  %+v\nwant %+v", got.readings[0], p.readings[0])
	}
}

func TestAppendedPagesKeepApart(t *testing.T) {
	a := &Pages{Files: []File{{"a.pdf", 1}}, readings: []*reading{fullReading()}}
	b := &Pages{Files: []File{{"b.pdf", 1}}, readings: []*reading{fullReading()}}
	var all Pages
	all.Append(a)
	all.Append(b)
	if len(all.Files) != 2 || len(all.readings) != 2 || all.readings[1].file != 1 || all.readings[1].problems[0].File != 1 {
		t.Fatalf("got %+v", all)
	}
	for i, r := range all.readings {
		found := map[int]int{}
		files(reflect.ValueOf(r.bill), found)
		if len(found) != 1 || found[i] == 0 {
			t.Errorf("values of file %d are said to be of files %v", i, found)
		}
	}
	found := map[int]int{}
	files(reflect.ValueOf(b.readings[0].bill), found)
	if len(found) != 1 || found[0] == 0 {
		t.Errorf("appending changed what was appended: files %v", found)
	}
}

func TestPagesOfAnotherVersionAreRefused(t *testing.T) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(stored{Version: 1}); err != nil {
		t.Fatal(err)
	}
	if err := new(Pages).GobDecode(b.Bytes()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("got %v, want not_found", err)
	}
}
