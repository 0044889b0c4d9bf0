package fast

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"fmt"
	"io"
	"sync/atomic"
)

// Declined says why a document or a page is left to PDFium. It is not an error of the
// file.
type Declined struct {
	// Why is a short reason in lower case, one of a small number.
	Why string
}

func (d *Declined) Error() string { return "declined: " + d.Why }

func declined(why string) error { return &Declined{why} }

// failed is the panic of need.
type failed struct{ err error }

// need returns a value, or ends with the error what defers caught: opening the document or a
// font, or reading a page.
func need[T any](v T, err error) T {
	if err != nil {
		panic(failed{err})
	}
	return v
}

// decline ends likewise, and so does expect unless what it expects is so.
func decline(why string) { panic(failed{declined(why)}) }

func expect(ok bool, why string) {
	if !ok {
		decline(why)
	}
}

// caught sets the error with which need ended a function that defers it.
func caught(err *error) {
	switch v := recover().(type) {
	case nil:
	case failed:
		*err = v.err
	default:
		panic(v)
	}
}

// The bounds of one document. What exceeds them is left to PDFium, which has limits of
// its own.
const (
	maxObjects   = 1 << 20  // entries of the table of objects
	maxSections  = 256      // of the table of objects
	maxStream    = 32 << 20 // bytes of one stream, inflated
	maxInflated  = 1 << 30  // bytes of all streams of a document
	maxCached    = 1 << 15  // objects that are kept
	maxObjectLen = 1 << 20  // bytes of one object without its stream
)

// entry says where an object is: at a place of the file or, if within is not 0, as the
// object of a number of an object stream.
type entry struct {
	at     int64
	within int
	gen    int
	free   bool
}

// file gives the objects of a PDF.
type file struct {
	src     io.ReaderAt
	size    int64
	buf     []byte
	objects map[int]entry
	trailer dict
	cache   map[int]any
	packed  map[int]*packed // object streams
	open    map[int]bool    // objects that are being read
	inflate io.ReadCloser
	total   *atomic.Int64 // bytes inflated so far
}

// packed is an inflated object stream.
type packed struct {
	data []byte
	at   map[int]int
}

func newFile(src io.ReaderAt, size int64, objects map[int]entry, total *atomic.Int64) *file {
	return &file{src: src, size: size, objects: objects, total: total, cache: map[int]any{}, packed: map[int]*packed{}, open: map[int]bool{}}
}

func openFile(src io.ReaderAt, size int64) *file {
	f := newFile(src, size, map[int]entry{}, new(atomic.Int64))
	expect(bytes.HasPrefix(need(f.read(0, 8)), []byte("%PDF-")), "no header at the beginning")
	const end = 1024
	from := max(0, size-end)
	tail := need(f.read(from, int(size-from)))
	i := bytes.LastIndex(tail, []byte("startxref"))
	x := &lexer{b: tail, i: i + len("startxref")}
	at, err := x.next()
	n, ok := at.(int)
	expect(i >= 0 && err == nil && ok, "no table of objects")
	f.sections(int64(n))
	return f
}

// read returns bytes of the file, which are valid until the next call. There are fewer
// at the end of the file.
func (f *file) read(at int64, n int) ([]byte, error) {
	if at < 0 || at > f.size {
		return nil, declined("a place outside the file")
	}
	n = int(min(int64(n), f.size-at))
	if cap(f.buf) < n {
		f.buf = make([]byte, max(n, 16<<10))
	}
	b := f.buf[:n]
	if m, err := f.src.ReadAt(b, at); m < n {
		return nil, fmt.Errorf("reading the PDF: %w", err)
	}
	return b, nil
}

// parse calls read with a lexer at a place of the file, and again with more bytes if
// there were too few. It returns the number of bytes that were read.
func (f *file) parse(at int64, read func(*lexer) error) (int, error) {
	for n := 512; ; n *= 4 {
		b, err := f.read(at, n)
		if err != nil {
			return 0, err
		}
		x := &lexer{b: b, copy: true}
		err = read(x)
		// What the bytes end in may be cut off.
		if (err == errShort || x.i >= len(b)) && len(b) == n && n < maxObjectLen {
			continue
		}
		if err == errShort {
			err = errSyntax
		}
		return x.i, err
	}
}

// sections reads the table of objects from its last section to its first.
func (f *file) sections(at int64) {
	size := 0
	for n := 0; ; n++ {
		expect(n != maxSections, "too many revisions")
		section := f.tableStream
		if string(need(f.read(at, 4))) == "xref" {
			section = f.table
		}
		trailer := section(at)
		expect(trailer["Encrypt"] == nil, "encryption")
		if n == 0 {
			f.trailer = trailer
			size, _ = trailer["Size"].(int)
		}
		prev, ok := trailer["Prev"].(int)
		if !ok {
			expect(trailer["Prev"] == nil, "table of objects")
			break
		}
		at = int64(prev)
	}
	for num := range f.objects {
		expect(num < size, "an object beyond the table's size")
	}
}

// add adds an entry, unless a later section has the object.
func (f *file) add(num int, e entry) {
	if _, ok := f.objects[num]; ok {
		return
	}
	expect(len(f.objects) < maxObjects && num >= 0 && num < 8*maxObjects, "too many objects")
	f.objects[num] = e
}

// table reads a section of lines of 20 bytes (ISO 32000-1, 7.5.4).
func (f *file) table(at int64) dict {
	at += int64(len("xref"))
	var free []int
	for {
		var first, count int
		var trailer bool
		n := need(f.parse(at, func(x *lexer) error {
			o, err := x.next()
			if err != nil {
				return err
			}
			if trailer = o == keyword("trailer"); trailer {
				return nil
			}
			c, err := x.next()
			if err != nil {
				return err
			}
			var ok1, ok2 bool
			first, ok1 = o.(int)
			count, ok2 = c.(int)
			if !ok1 || !ok2 || first < 0 || count < 0 || count > maxObjects {
				return declined("table of objects")
			}
			x.skip()
			return nil
		}))
		at += int64(n)
		if trailer {
			break
		}
		const line = 20
		for i := 0; i < count; {
			some := min(count-i, 4096)
			b := need(f.read(at, some*line))
			expect(len(b) >= some*line, "table of objects")
			for ; len(b) > 0; b = b[line:] {
				e, ok := entryOf(b[:line])
				expect(ok, "table of objects")
				if e.free {
					free = append(free, first+i)
				} else {
					f.add(first+i, e)
				}
				i++
			}
			at += int64(some * line)
		}
	}
	var trailer dict
	need(f.parse(at, func(x *lexer) error {
		o, err := x.object()
		if err != nil {
			return err
		}
		var ok bool
		if trailer, ok = o.(dict); !ok {
			return declined("table of objects")
		}
		return nil
	}))
	// In a hybrid file, objects that are free here may be in a stream for readers that
	// know streams.
	if at, ok := trailer["XRefStm"].(int); ok {
		f.tableStream(int64(at))
	} else if trailer["XRefStm"] != nil {
		decline("table of objects")
	}
	for _, num := range free {
		f.add(num, entry{free: true})
	}
	return trailer
}

func entryOf(b []byte) (e entry, ok bool) {
	digits := func(b []byte) (n int64, ok bool) {
		for _, c := range b {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int64(c-'0')
		}
		return n, true
	}
	at, ok1 := digits(b[:10])
	gen, ok2 := digits(b[11:16])
	kind := b[17]
	if !ok1 || !ok2 || b[10] != ' ' || b[16] != ' ' || kind != 'n' && kind != 'f' || !isSpace(b[18]) || !isSpace(b[19]) {
		return e, false
	}
	return entry{at: at, gen: int(gen), free: kind == 'f'}, true
}

// tableStream reads a section that is a stream (ISO 32000-1, 7.5.8).
func (f *file) tableStream(at int64) dict {
	st, ok := need(f.indirect(at, -1)).(stream)
	expect(ok && st.dict["Type"] == name("XRef"), "table of objects")
	data := need(f.data(st, nil))
	var w [3]int
	widths, _ := st.dict["W"].([]any)
	expect(len(widths) == 3, "table of objects")
	row := 0
	for i := range w {
		w[i], ok = widths[i].(int)
		expect(ok && w[i] >= 0 && w[i] <= 8, "table of objects")
		row += w[i]
	}
	size, ok := st.dict["Size"].(int)
	expect(ok && row != 0, "table of objects")
	index, ok := st.dict["Index"].([]any)
	if !ok {
		index = []any{0, size}
	}
	for i := 0; i+1 < len(index); i += 2 {
		first, ok1 := index[i].(int)
		count, ok2 := index[i+1].(int)
		expect(ok1 && ok2 && first >= 0 && count >= 0 && count <= len(data)/row, "table of objects")
		for n := range count {
			var v [3]int64
			b := data[:row]
			data = data[row:]
			for k := range v {
				for _, c := range b[:w[k]] {
					v[k] = v[k]<<8 | int64(c)
				}
				b = b[w[k]:]
			}
			if w[0] == 0 {
				v[0] = 1
			}
			e := entry{}
			switch v[0] {
			case 0:
				e.free = true
			case 1:
				e.at, e.gen = v[1], int(v[2])
			case 2:
				expect(v[1] > 0 && v[1] < 8*maxObjects, "table of objects")
				e.within = int(v[1])
			default:
				decline("table of objects")
			}
			f.add(first+n, e)
		}
	}
	return st.dict
}

// indirect reads the object at a place of the file. Its number must be num, unless that
// is negative.
func (f *file) indirect(at int64, num int) (any, error) {
	var out any
	_, err := f.parse(at, func(x *lexer) error {
		n, err := x.next()
		if err != nil {
			return err
		}
		g, err := x.next()
		if err != nil {
			return err
		}
		k, err := x.next()
		if err != nil {
			return err
		}
		own, ok := n.(int)
		if _, is := g.(int); !ok || !is || k != keyword("obj") || num >= 0 && own != num {
			return declined("an object is not in its place")
		}
		if out, err = x.object(); err != nil {
			return err
		}
		end, err := x.next()
		if err != nil {
			return err
		}
		switch end {
		case keyword("endobj"):
		case keyword("stream"):
			d, ok := out.(dict)
			if !ok {
				return errSyntax
			}
			if x.i+2 > len(x.b) {
				return errShort
			}
			switch {
			case x.b[x.i] == '\r' && x.b[x.i+1] == '\n':
				x.i += 2
			case x.b[x.i] == '\n':
				x.i++
			default:
				return declined("a stream's beginning")
			}
			out = stream{d, at + int64(x.i), own}
		default:
			return errSyntax
		}
		return nil
	})
	return out, err
}

// get returns the object that a reference means, and other objects as they are.
func (f *file) get(o any) (any, error) {
	r, ok := o.(ref)
	if !ok {
		return o, nil
	}
	if o, ok := f.cache[r.num]; ok {
		return o, nil
	}
	e, ok := f.objects[r.num]
	if !ok || e.free {
		return nil, nil
	}
	if f.open[r.num] || len(f.open) > maxNesting {
		return nil, declined("objects that contain themselves")
	}
	f.open[r.num] = true
	defer delete(f.open, r.num)
	var out any
	var err error
	if e.within != 0 {
		out, err = f.unpack(e.within, r.num)
	} else {
		if e.gen != r.gen {
			return nil, declined("an old generation of an object")
		}
		out, err = f.indirect(e.at, r.num)
	}
	if err != nil {
		return nil, err
	}
	if _, again := out.(ref); again {
		return nil, declined("a reference to a reference")
	}
	if len(f.cache) >= maxCached {
		clear(f.cache)
	}
	f.cache[r.num] = out
	return out, nil
}

// forget drops an object from what is kept, since it is of one page alone and that is done
// with it: the memory must not grow with the number of pages.
func (f *file) forget(o any) {
	if r, ok := o.(ref); ok {
		delete(f.cache, r.num)
	}
}

// unpack returns an object of an object stream.
func (f *file) unpack(within, num int) (any, error) {
	p, ok := f.packed[within]
	if !ok {
		if e := f.objects[within]; e.within != 0 {
			return nil, declined("an object stream in an object stream")
		}
		o, err := f.get(ref{within, f.objects[within].gen})
		if err != nil {
			return nil, err
		}
		s, ok := o.(stream)
		if !ok || s.dict["Type"] != name("ObjStm") {
			return nil, declined("an object stream")
		}
		data, err := f.data(s, nil)
		if err != nil {
			return nil, err
		}
		n, err1 := f.int(s.dict["N"])
		first, err2 := f.int(s.dict["First"])
		if err1 != nil || err2 != nil || n < 0 || first < 0 || first > len(data) {
			return nil, declined("an object stream")
		}
		p = &packed{at: map[int]int{}}
		x := &lexer{b: data[:first]}
		for range n {
			num, err1 := x.next()
			at, err2 := x.next()
			k, ok1 := num.(int)
			v, ok2 := at.(int)
			if err1 != nil || err2 != nil || !ok1 || !ok2 || v < 0 || v > len(data)-first {
				return nil, declined("an object stream")
			}
			if _, twice := p.at[k]; !twice {
				p.at[k] = first + v
			}
		}
		p.data = append(data, " endobj"...) // so that the last object has an end
		if len(f.packed) >= 64 {
			clear(f.packed)
		}
		f.packed[within] = p
	}
	at, ok := p.at[num]
	if !ok {
		return nil, declined("an object is not in its place")
	}
	x := &lexer{b: p.data, i: at}
	o, err := x.object()
	if err != nil {
		return nil, errSyntax
	}
	if _, ok := o.(keyword); ok {
		return nil, errSyntax
	}
	return o, nil
}

// The functions below follow a reference, and return the zero value for null.

func (f *file) dict(o any) (dict, error) {
	v, err := f.get(o)
	if err != nil || v == nil {
		return nil, err
	}
	switch v := v.(type) {
	case dict:
		return v, nil
	case stream:
		return v.dict, nil
	}
	return nil, declined("an object of the wrong type")
}

// typed is get for an object of one type.
func typed[T any](f *file, o any) (t T, err error) {
	v, err := f.get(o)
	if err != nil || v == nil {
		return t, err
	}
	t, ok := v.(T)
	if !ok {
		return t, declined("an object of the wrong type")
	}
	return t, nil
}

func (f *file) array(o any) ([]any, error) { return typed[[]any](f, o) }

func (f *file) name(o any) (name, error) { return typed[name](f, o) }

func (f *file) float(o any) (float32, error) {
	v, err := f.get(o)
	if err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case int:
		return float32(v), nil
	case float32:
		return v, nil
	}
	return 0, declined("an object of the wrong type")
}

// floats returns an array of numbers.
func (f *file) floats(o any) ([]float32, error) {
	list, err := f.array(o)
	if err != nil || list == nil {
		return nil, err
	}
	out := make([]float32, len(list))
	for i := range out {
		if out[i], err = f.float(list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// int truncates.
func (f *file) int(o any) (int, error) {
	v, err := f.get(o)
	if err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case int:
		return v, nil
	case float32:
		if v > -1e6 && v < 1e6 {
			return int(v), nil
		}
	}
	return 0, declined("an object of the wrong type")
}

// data returns the data of a stream, decoded, in the buffer if that is large enough.
func (f *file) data(s stream, into []byte) ([]byte, error) {
	length, err := f.int(s.dict["Length"])
	if err != nil || length < 0 || s.at+int64(length) > f.size || length > maxStream {
		return nil, declined("a stream's length")
	}
	// Where the length is wrong, readers guess.
	end, err := f.read(s.at+int64(length), 32)
	if err != nil {
		return nil, err
	}
	if k, err := (&lexer{b: end}).next(); err != nil || k != keyword("endstream") {
		return nil, declined("a stream's length")
	}
	filters, parms, err := f.filters(s.dict)
	if err != nil {
		return nil, err
	}
	raw, err := f.read(s.at, length)
	if err != nil {
		return nil, err
	}
	if len(filters) == 0 {
		return append(into[:0], raw...), f.count(len(raw))
	}
	for i, filter := range filters {
		switch filter {
		case "FlateDecode", "Fl":
			if i > 0 {
				raw = bytes.Clone(raw)
				into = nil
			}
			if raw, err = f.inflated(raw, into); err == nil {
				raw, err = unpredicted(raw, parms[i])
			}
		case "ASCII85Decode", "A85":
			raw, err = unascii85(raw)
		case "ASCIIHexDecode", "AHx":
			if j := bytes.IndexByte(raw, '>'); j >= 0 {
				raw = raw[:j]
			}
			var o any
			if o, err = (&lexer{b: append(append([]byte{'<'}, raw...), '>')}).hex(); err == nil {
				raw = o.(str)
			}
		default:
			err = declined("a filter")
		}
		if err != nil {
			return nil, err
		}
	}
	return raw, f.count(len(raw))
}

func (f *file) count(n int) error {
	if f.total.Add(int64(n)) > maxInflated {
		return declined("too much data")
	}
	return nil
}

// filters returns the filters of a stream with their parameters.
func (f *file) filters(d dict) (filters []name, parms []dict, err error) {
	o, err := f.get(d["Filter"])
	if err != nil || o == nil {
		return nil, nil, err
	}
	p, err := f.get(d["DecodeParms"])
	if err != nil {
		return nil, nil, err
	}
	if n, ok := o.(name); ok {
		parm, err := f.dict(p)
		return []name{n}, []dict{parm}, err
	}
	list, ok := o.([]any)
	if !ok || len(list) > 4 {
		return nil, nil, declined("a filter")
	}
	of, _ := p.([]any)
	for i, o := range list {
		n, err := f.name(o)
		if err != nil {
			return nil, nil, err
		}
		var parm dict
		if i < len(of) {
			if parm, err = f.dict(of[i]); err != nil {
				return nil, nil, err
			}
		}
		for k, v := range parm {
			if parm[k], err = f.get(v); err != nil {
				return nil, nil, err
			}
		}
		filters, parms = append(filters, n), append(parms, parm)
	}
	return filters, parms, nil
}

func (f *file) inflated(raw, into []byte) ([]byte, error) {
	r := bytes.NewReader(raw)
	var err error
	if f.inflate == nil {
		f.inflate, err = zlib.NewReader(r)
	} else {
		err = f.inflate.(zlib.Resetter).Reset(r, nil)
	}
	if err != nil {
		f.inflate = nil
		return nil, declined("damaged data")
	}
	out := into[:0]
	if cap(out) == 0 {
		out = make([]byte, 0, max(4*len(raw), 512))
	}
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := f.inflate.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, declined("damaged data")
		}
		if len(out) > maxStream {
			return nil, declined("too much data")
		}
	}
}

func unascii85(raw []byte) ([]byte, error) {
	if i := bytes.IndexByte(raw, '~'); i >= 0 {
		raw = raw[:i]
	}
	raw = bytes.TrimPrefix(bytes.TrimLeft(raw, " \r\n\t"), []byte("<~"))
	out := make([]byte, 4*len(raw)+4)
	n, used, err := ascii85.Decode(out, raw, true)
	if err != nil || len(bytes.TrimSpace(raw[used:])) > 0 {
		return nil, declined("damaged data")
	}
	return out[:n], nil
}

// unpredicted undoes a predictor of PNG (ISO 32000-1, 7.4.4.4).
func unpredicted(b []byte, parms dict) ([]byte, error) {
	param := func(key name, usual int) int {
		if v, ok := parms[key].(int); ok {
			return v
		}
		return usual
	}
	predictor := param("Predictor", 1)
	if predictor == 1 {
		return b, nil
	}
	columns, colors, bits := param("Columns", 1), param("Colors", 1), param("BitsPerComponent", 8)
	if predictor < 10 || colors != 1 || bits != 8 || columns < 1 || columns > 1<<16 || len(b)%(columns+1) != 0 {
		return nil, declined("a predictor")
	}
	out := b[:0]
	above := make([]byte, columns)
	for len(b) > 0 {
		kind, row := b[0], b[1:columns+1]
		b = b[columns+1:]
		for i := range row {
			var left, up, corner int
			up = int(above[i])
			if i > 0 {
				left, corner = int(row[i-1]), int(above[i-1])
			}
			switch kind {
			case 0:
			case 1:
				row[i] += byte(left)
			case 2:
				row[i] += byte(up)
			case 3:
				row[i] += byte((left + up) / 2)
			case 4:
				row[i] += paeth(left, up, corner)
			default:
				return nil, declined("a predictor")
			}
		}
		copy(above, row)
		out = append(out, row...)
	}
	return out, nil
}

func paeth(a, b, c int) byte {
	p := a + b - c
	pa, pb, pc := abs(p-a), abs(p-b), abs(p-c)
	switch {
	case pa <= pb && pa <= pc:
		return byte(a)
	case pb <= pc:
		return byte(b)
	}
	return byte(c)
}

func abs[T int | float32 | float64](v T) T { return max(v, -v) }
