package recognise

import "math"

// planes are feature maps: one plane of height by width for each channel. A plane takes
// stride elements, a multiple of tileCols, and there is room for tileRows-1 planes and one
// tile more, so that whole tiles can be stored.
type planes struct {
	n, h, w, stride int
	v               []float32
}

func (p *planes) reset(n, h, w int) {
	p.n, p.h, p.w = n, h, w
	p.stride = (h*w + tileCols - 1) / tileCols * tileCols
	need := (n+tileRows)*p.stride + tileCols
	if cap(p.v) < need {
		p.v = make([]float32, need)
	}
	p.v = p.v[:need]
}

func (p *planes) plane(i int) []float32 { return p.v[i*p.stride : i*p.stride+p.h*p.w] }

// work is the memory of one recognition.
type work struct {
	a, b, c planes
	col     planes
	tile    []float32
	padded  []float32
	offsets []int
	row     []float32
	scores  []float32
}

// product computes m·in for all columns of in, which has m.cols planes, with a swish if
// that is not nil.
func (w *work) product(m *matrix, in, out *planes, swish *[2]float32) {
	h, width := in.h, in.w
	out.reset(m.rows, h, width)
	if need := m.cols * tileCols; len(w.tile) < need {
		w.tile = make([]float32, need)
	}
	for x := 0; x < h*width; x += tileCols {
		for k := range m.cols {
			copy(w.tile[k*tileCols:(k+1)*tileCols], in.v[k*in.stride+x:])
		}
		for r := 0; r < m.rows; {
			r += tile(m.rows-r, m.cols, &m.w[r*m.cols], &w.tile[0], &m.bias[r], &out.v[r*out.stride+x], out.stride*4, swish)
		}
	}
}

// deep computes a convolution of each channel by itself.
func (w *work) deep(b *block, in, out *planes) {
	pad := b.k / 2
	wide, high := in.w+2*pad, in.h+2*pad
	if need := wide*high + 2*tileCols; len(w.padded) < need {
		w.padded = make([]float32, need)
	}
	padded := w.padded[:wide*high+2*tileCols]
	clear(padded)
	w.offsets = w.offsets[:0]
	for y := range b.k {
		for x := range b.k {
			w.offsets = append(w.offsets, (y*wide+x)*4)
		}
	}
	out.reset(in.n, in.h/b.sy, (in.w+b.sx-1)/b.sx)
	// Rows follow each other, with what is outside between them: they are one long row, unless
	// every other one is left out.
	rows, length := out.h, in.w
	if b.sy == 1 {
		rows, length = 1, (in.h-1)*wide+in.w
	}
	blocks := (length + tileCols - 1) / tileCols
	if need := blocks * tileCols; len(w.row) < need {
		w.row = make([]float32, need)
	}
	kk := b.k * b.k
	for c := range in.n {
		from := in.plane(c)
		for y := range in.h {
			copy(padded[(y+pad)*wide+pad:], from[y*in.w:(y+1)*in.w])
		}
		to := out.plane(c)
		for y := range out.h {
			at := 0
			if y < rows {
				taps(kk, &b.taps[c*kk], &w.offsets[0], &padded[y*b.sy*wide], blocks, b.bias[c], &w.row[0], &b.swish)
			}
			if rows == 1 {
				at = y * wide
			}
			line := to[y*out.w : (y+1)*out.w]
			if b.sx == 1 {
				copy(line, w.row[at:])
				continue
			}
			for x := range line {
				line[x] = w.row[at+x*b.sx]
			}
		}
	}
}

// excite scales each channel by what the means of all channels say.
func (b *block) excite(p *planes) {
	mean := make([]float32, p.n)
	for c := range mean {
		sum := float32(0)
		for _, v := range p.plane(c) {
			sum += v
		}
		mean[c] = sum / float32(p.h*p.w)
	}
	mid := b.down.times(mean)
	for i, v := range mid {
		mid[i] = max(v, 0)
	}
	for c, v := range b.up.times(mid) {
		s := min(max(float32(v*(1./6))+0.5, 0), 1)
		plane := p.plane(c)
		for i := range plane {
			plane[i] *= s
		}
	}
}

// times multiplies a matrix with one vector.
func (m *matrix) times(v []float32) []float32 {
	out := make([]float32, m.rows)
	for r := range out {
		sum := m.bias[r]
		for k := range m.cols {
			sum += float32(m.w[(r/tileRows*m.cols+k)*tileRows+r%tileRows] * v[k])
		}
		out[r] = sum
	}
	return out
}

// run computes for each step of the picture the likelihood of no character and of each
// character. pixels are Height rows of width values between 0 (black) and 255.
func (m *Recogniser) run(w *work, pixels []byte, width int) (steps int, scores []float32) {
	in, out := &w.a, &w.b
	w.first(pixels, width)
	w.product(&m.first, &w.col, in, nil)
	for i := range m.blocks {
		b := &m.blocks[i]
		if b.k == 1 {
			w.product(&b.matrix, in, out, &b.swish)
		} else {
			w.deep(b, in, out)
		}
		if b.squeeze > 0 {
			b.excite(out)
		}
		in, out = out, in
	}
	// The mean of 3 by 2 pixels leaves one row.
	pool := &w.c
	pool.reset(features, 1, in.w/2)
	for c := range features {
		from, to := in.plane(c), pool.plane(c)
		for x := range to {
			sum := float32(0)
			for y := range in.h {
				sum += from[y*in.w+2*x] + from[y*in.w+2*x+1]
			}
			to[x] = sum / float32(2*in.h)
		}
	}
	k := &m.neck
	w.triple(pool, nil)
	w.product(&k.in1, &w.col, in, nil)
	sigmoid(in)
	w.product(&k.in2, in, out, nil)
	sigmoid(out)
	z, other := out, in
	for i := range k.layers {
		w.layer(&k.layers[i], z, other)
	}
	k.after.apply(z, z)
	w.product(&k.back, z, other, nil)
	sigmoid(other)
	w.triple(pool, other)
	w.product(&k.out1, &w.col, z, nil)
	sigmoid(z)
	w.product(&k.out2, z, other, nil)
	sigmoid(other)
	w.product(&k.classes, other, z, nil)
	return z.w, w.likely(z)
}

// first lays out the picture for the first convolution, of 3 by 3 pixels and stride 2.
func (w *work) first(pixels []byte, width int) {
	h, wide := Height/2, (width+1)/2
	w.col.reset(9, h, wide)
	for k := range 9 {
		dy, dx := k/3-1, k%3-1
		to := w.col.plane(k)
		for y := range h {
			for x := range wide {
				v := float32(0) // outside
				if py, px := 2*y+dy, 2*x+dx; py >= 0 && py < Height && px >= 0 && px < width {
					v = float32(pixels[py*width+px])/127.5 - 1
				}
				to[y*wide+x] = v
			}
		}
	}
}

// triple lays out one row of planes, and those of more, for a convolution of 1 by 3 pixels.
func (w *work) triple(p, more *planes) {
	n := p.n
	if more != nil {
		n += more.n
	}
	w.col.reset(3*n, 1, p.w)
	for c := range n {
		from := p
		i := c
		if c >= p.n {
			from, i = more, c-p.n
		}
		row := from.plane(i)
		for d := range 3 {
			to := w.col.plane(3*c + d)
			for x := range to {
				to[x] = 0
				if at := x + d - 1; at >= 0 && at < len(row) {
					to[x] = row[at]
				}
			}
		}
	}
}

// exp returns e to the power v. Unlike that of math.Exp, its result is the same on every
// processor; nearly all are rounded right.
func exp(v float32) float32 {
	x := max(-110, min(float64(v), 90)) // beyond these, results are 0 or infinite
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	x -= float64(k * math.Ln2)
	sum := 0.0
	for _, f := range factors {
		sum = float64(sum*x) + f
	}
	return float32(sum * math.Float64frombits(uint64(k+1023)<<52))
}

// factors are those of the powers of x in the series of exp, the ninth first.
var factors = [...]float64{1. / 362880, 1. / 40320, 1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1, 1}

// sigmoid computes v·sigmoid(v).
func sigmoid(p *planes) {
	for c := range p.n {
		plane := p.plane(c)
		for i, v := range plane {
			plane[i] = v / (1 + exp(-v))
		}
	}
}

// apply normalises each step over its channels.
func (n *norm) apply(in, out *planes) {
	if in != out {
		out.reset(in.n, in.h, in.w)
	}
	for x := range in.w {
		var sum, square float32
		for c := range in.n {
			sum += in.v[c*in.stride+x]
		}
		mean := sum / float32(in.n)
		for c := range in.n {
			d := in.v[c*in.stride+x] - mean
			square += float32(d * d)
		}
		by := 1 / float32(math.Sqrt(float64(square/float32(in.n)+n.eps)))
		for c := range in.n {
			out.v[c*out.stride+x] = float32(float32((in.v[c*in.stride+x]-mean)*by)*n.w[c]) + n.b[c]
		}
	}
}

// layer is a layer of attention; the result is in z.
func (w *work) layer(l *layer, z, tmp *planes) {
	var normed, qkv planes
	l.before.apply(z, &normed)
	w.product(&l.qkv, &normed, &qkv, nil)
	w.attend(&qkv, &normed)
	w.product(&l.proj, &normed, tmp, nil)
	z.add(tmp)
	l.middle.apply(z, &normed)
	w.product(&l.in, &normed, &qkv, nil)
	sigmoid(&qkv)
	w.product(&l.out, &qkv, tmp, nil)
	z.add(tmp)
}

func (p *planes) add(o *planes) {
	for c := range p.n {
		a, b := p.plane(c), o.plane(c)
		for i := range a {
			a[i] += b[i]
		}
	}
}

// attend mixes the steps.
func (w *work) attend(qkv, out *planes) {
	t := qkv.w
	scale := float32(1 / math.Sqrt(head))
	weights := make([]float32, t)
	for h := range heads {
		q, k, v := h*head, width+h*head, 2*width+h*head
		for x := range t {
			clear(weights)
			for i := range head {
				by, row := float32(qkv.plane(q + i)[x]*scale), qkv.plane(k+i)
				for y := range weights {
					weights[y] += float32(by * row[y])
				}
			}
			most, sum := weights[0], float32(0)
			for _, s := range weights {
				most = max(most, s)
			}
			for y, s := range weights {
				weights[y] = exp(s - most)
				sum += weights[y]
			}
			for i := range head {
				row, total := qkv.plane(v+i), float32(0)
				for y, s := range weights {
					total += float32(s * row[y])
				}
				out.plane(h*head + i)[x] = total / sum
			}
		}
	}
}

// likely turns the last planes into likelihoods, step by step.
func (w *work) likely(p *planes) []float32 {
	if len(w.scores) < p.n*p.w {
		w.scores = make([]float32, p.n*p.w)
	}
	for x := range p.w {
		row := w.scores[x*p.n : (x+1)*p.n]
		most := float32(math.Inf(-1))
		for c := range row {
			row[c] = p.v[c*p.stride+x]
			most = max(most, row[c])
		}
		sum := float32(0)
		for c, v := range row {
			row[c] = exp(v - most)
			sum += row[c]
		}
		for c := range row {
			row[c] /= sum
		}
	}
	return w.scores[:p.n*p.w]
}
