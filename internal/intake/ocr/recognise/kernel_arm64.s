#include "textflag.h"

// Instructions for vectors of four that the assembler does not know. They take the numbers of
// registers, and the last is that of the result.
#define FADD4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define FMUL4(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))
#define FMAX4(m, n, d) WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d))
#define FMIN4(m, n, d) WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d))
#define FMLA4(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d))
#define MOV4(n, d) WORD $(0x4EA01C00 | (n)<<16 | (n)<<5 | (d))

// FMLA4 with element i of m for all four.
#define FMLA1(m, i, n, d) WORD $(0x4F801000 | ((i)&1)<<21 | ((i)>>1)<<11 | (m)<<16 | (n)<<5 | (d))

// What ACT needs.
#define CONSTANTS(swish) \
	FMOVS $3.0, F27 \
	VDUP V27.S[0], V27.S4 \
	FMOVS $6.0, F28 \
	VDUP V28.S[0], V28.S4 \
	VLD1R.P 4(swish), [V29.S4] \
	VLD1R (swish), [V30.S4] \
	VEOR V31.B16, V31.B16, V31.B16

// v * min(max(v + 3, 0), 6) * scale + shift.
#define ACT(n, d) \
	FADD4(27, n, d) \
	FMAX4(31, d, d) \
	FMIN4(28, d, d) \
	FMUL4(d, n, n) \
	MOV4(30, d) \
	FMLA4(29, n, d)

#define ACTS(n0, n1, n2, n3) \
	ACT(n0, 16) \
	ACT(n1, 17) \
	ACT(n2, 18) \
	ACT(n3, 19)

#define BEGIN(r0, r1, r2, r3) \
	VLD1R (R3), [r0.S4] \
	VLD1R (R3), [r1.S4] \
	VLD1R (R3), [r2.S4] \
	VLD1R.P 4(R3), [r3.S4]

#define ROW(m, i, d0, d1, d2, d3) \
	FMLA1(m, i, 24, d0) \
	FMLA1(m, i, 25, d1) \
	FMLA1(m, i, 26, d2) \
	FMLA1(m, i, 27, d3)

#define STORE(r0, r1, r2, r3) \
	VST1 [r0.S4, r1.S4, r2.S4, r3.S4], (R4) \
	ADD R5, R4

// func tileNEON(k int, a, b, bias, c *float32, stride int, swish *[2]float32)
TEXT ·tileNEON(SB), NOSPLIT, $0-56
	MOVD k+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD bias+24(FP), R3
	MOVD c+32(FP), R4
	MOVD stride+40(FP), R5
	MOVD swish+48(FP), R6
	BEGIN(V0, V1, V2, V3)
	BEGIN(V4, V5, V6, V7)
	BEGIN(V8, V9, V10, V11)
	BEGIN(V12, V13, V14, V15)
	BEGIN(V16, V17, V18, V19)
	BEGIN(V20, V21, V22, V23)
loop:
	VLD1.P 64(R2), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1.P 16(R1), [V28.S4]
	VLD1.P 8(R1), [V29.S2]
	ROW(28, 0, 0, 1, 2, 3)
	ROW(28, 1, 4, 5, 6, 7)
	ROW(28, 2, 8, 9, 10, 11)
	ROW(28, 3, 12, 13, 14, 15)
	ROW(29, 0, 16, 17, 18, 19)
	ROW(29, 1, 20, 21, 22, 23)
	SUBS $1, R0
	BNE loop
	STORE(V0, V1, V2, V3)
	STORE(V4, V5, V6, V7)
	STORE(V8, V9, V10, V11)
	STORE(V12, V13, V14, V15)
	STORE(V16, V17, V18, V19)
	STORE(V20, V21, V22, V23)
	CBZ R6, done

	// The six rows again, which are in the cache.
	MOVD c+32(FP), R4
	CONSTANTS(R6)
	MOVD $6, R0
rows:
	VLD1 (R4), [V0.S4, V1.S4, V2.S4, V3.S4]
	ACTS(0, 1, 2, 3)
	STORE(V16, V17, V18, V19)
	SUBS $1, R0
	BNE rows
done:
	RET

#define BIAS(r0, r1, r2, r3) \
	VMOV V26.B16, r0.B16 \
	VMOV V26.B16, r1.B16 \
	VMOV V26.B16, r2.B16 \
	VMOV V26.B16, r3.B16

#define TAP(r0, r1, r2, r3) \
	VLD1.P 64(R9), [V16.S4, V17.S4, V18.S4, V19.S4] \
	VFMLA V16.S4, V20.S4, r0.S4 \
	VFMLA V17.S4, V20.S4, r1.S4 \
	VFMLA V18.S4, V20.S4, r2.S4 \
	VFMLA V19.S4, V20.S4, r3.S4

#define LEAVE(n0, n1, n2, n3) \
	ACTS(n0, n1, n2, n3) \
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R5)

// func taps(n int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32)
TEXT ·taps(SB), NOSPLIT, $0-64
	MOVD w+8(FP), R1
	MOVD offsets+16(FP), R2
	MOVD in+24(FP), R3
	MOVD blocks+32(FP), R4
	FMOVS bias+40(FP), F26
	VDUP V26.S[0], V26.S4
	MOVD out+48(FP), R5
	MOVD swish+56(FP), R6
	CONSTANTS(R6)

	// Four blocks at once, so that no sum waits for itself.
	SUBS $4, R4
	BLT rest
four:
	BIAS(V0, V1, V2, V3)
	BIAS(V4, V5, V6, V7)
	BIAS(V8, V9, V10, V11)
	BIAS(V12, V13, V14, V15)
	MOVD n+0(FP), R0
	MOVD R1, R7
	MOVD R2, R8
tapOfFour:
	MOVD.P 8(R8), R9
	ADD R3, R9
	VLD1R.P 4(R7), [V20.S4]
	TAP(V0, V1, V2, V3)
	TAP(V4, V5, V6, V7)
	TAP(V8, V9, V10, V11)
	TAP(V12, V13, V14, V15)
	SUBS $1, R0
	BNE tapOfFour
	LEAVE(0, 1, 2, 3)
	LEAVE(4, 5, 6, 7)
	LEAVE(8, 9, 10, 11)
	LEAVE(12, 13, 14, 15)
	ADD $256, R3
	SUBS $4, R4
	BGE four
rest:
	ADDS $4, R4
	BEQ done
block:
	BIAS(V0, V1, V2, V3)
	MOVD n+0(FP), R0
	MOVD R1, R7
	MOVD R2, R8
tap:
	MOVD.P 8(R8), R9
	ADD R3, R9
	VLD1R.P 4(R7), [V20.S4]
	TAP(V0, V1, V2, V3)
	SUBS $1, R0
	BNE tap
	LEAVE(0, 1, 2, 3)
	ADD $64, R3
	SUBS $1, R4
	BNE block
done:
	RET
