#include "textflag.h"

DATA three<>+0(SB)/4, $3.0
GLOBL three<>(SB), RODATA, $4
DATA six<>+0(SB)/4, $6.0
GLOBL six<>(SB), RODATA, $4

#define ROW(offset, left, right) \
	VBROADCASTSS offset(SI), Y14 \
	VFMADD231PS Y12, Y14, left \
	VFMADD231PS Y13, Y14, right

#define BEGIN(offset, left, right) \
	VBROADCASTSS offset(AX), left \
	VMOVAPS left, right

// func tileAVX2(k int, a, b, bias, c *float32, stride int, swish *[2]float32)
TEXT ·tileAVX2(SB), NOSPLIT, $0-56
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DI
	MOVQ bias+24(FP), AX
	MOVQ c+32(FP), DX
	MOVQ stride+40(FP), R8
	MOVQ swish+48(FP), R9
	BEGIN(0, Y0, Y1)
	BEGIN(4, Y2, Y3)
	BEGIN(8, Y4, Y5)
	BEGIN(12, Y6, Y7)
	BEGIN(16, Y8, Y9)
	BEGIN(20, Y10, Y11)
loop:
	VMOVUPS (DI), Y12
	VMOVUPS 32(DI), Y13
	ROW(0, Y0, Y1)
	ROW(4, Y2, Y3)
	ROW(8, Y4, Y5)
	ROW(12, Y6, Y7)
	ROW(16, Y8, Y9)
	ROW(20, Y10, Y11)
	ADDQ $64, DI
	ADDQ $24, SI
	DECQ CX
	JNZ loop

#define STORE(left, right) \
	VMOVUPS left, (DX) \
	VMOVUPS right, 32(DX) \
	ADDQ R8, DX

	STORE(Y0, Y1)
	STORE(Y2, Y3)
	STORE(Y4, Y5)
	STORE(Y6, Y7)
	STORE(Y8, Y9)
	STORE(Y10, Y11)
	TESTQ R9, R9
	JZ done

	// The six rows again, which are in the cache: v * min(max(v + 3, 0), 6) * scale + shift.
	MOVQ c+32(FP), DX
	VBROADCASTSS three<>(SB), Y12
	VBROADCASTSS six<>(SB), Y13
	VBROADCASTSS 0(R9), Y14
	VBROADCASTSS 4(R9), Y15
	VXORPS Y11, Y11, Y11

#define ACT(reg, free) \
	VADDPS Y12, reg, free \
	VMAXPS Y11, free, free \
	VMINPS Y13, free, free \
	VMULPS free, reg, reg \
	VMOVAPS Y15, free \
	VFMADD231PS Y14, reg, free

	MOVQ $6, CX
rows:
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1
	ACT(Y0, Y2)
	ACT(Y1, Y3)
	VMOVUPS Y2, (DX)
	VMOVUPS Y3, 32(DX)
	ADDQ R8, DX
	DECQ CX
	JNZ rows
done:
	VZEROUPPER
	RET

// func tapsAVX2(taps int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32)
TEXT ·tapsAVX2(SB), NOSPLIT, $0-64
	MOVQ w+8(FP), SI
	MOVQ offsets+16(FP), DI
	MOVQ in+24(FP), BX
	MOVQ blocks+32(FP), R11
	MOVQ out+48(FP), DX
	MOVQ swish+56(FP), R9
	VBROADCASTSS bias+40(FP), Y10
	VBROADCASTSS three<>(SB), Y12
	VBROADCASTSS six<>(SB), Y13
	VBROADCASTSS 0(R9), Y14
	VBROADCASTSS 4(R9), Y15
	VXORPS Y11, Y11, Y11

	// Four blocks at once, so that no sum waits for itself.
	SUBQ $4, R11
	JLT rest
four:
	VMOVAPS Y10, Y0
	VMOVAPS Y10, Y1
	VMOVAPS Y10, Y2
	VMOVAPS Y10, Y3
	VMOVAPS Y10, Y4
	VMOVAPS Y10, Y5
	VMOVAPS Y10, Y6
	VMOVAPS Y10, Y7
	MOVQ taps+0(FP), CX
	XORQ R12, R12
tapOfFour:
	MOVQ (DI)(R12*8), R13
	ADDQ BX, R13
	VBROADCASTSS (SI)(R12*4), Y8
	VFMADD231PS (R13), Y8, Y0
	VFMADD231PS 32(R13), Y8, Y1
	VFMADD231PS 64(R13), Y8, Y2
	VFMADD231PS 96(R13), Y8, Y3
	VFMADD231PS 128(R13), Y8, Y4
	VFMADD231PS 160(R13), Y8, Y5
	VFMADD231PS 192(R13), Y8, Y6
	VFMADD231PS 224(R13), Y8, Y7
	INCQ R12
	CMPQ R12, CX
	JNE tapOfFour

#define LEAVE(offset, reg) \
	ACT(reg, Y9) \
	VMOVUPS Y9, offset(DX)

	LEAVE(0, Y0)
	LEAVE(32, Y1)
	LEAVE(64, Y2)
	LEAVE(96, Y3)
	LEAVE(128, Y4)
	LEAVE(160, Y5)
	LEAVE(192, Y6)
	LEAVE(224, Y7)
	ADDQ $256, DX
	ADDQ $256, BX
	SUBQ $4, R11
	JGE four
rest:
	ADDQ $4, R11
	JZ done
block:
	VMOVAPS Y10, Y0
	VMOVAPS Y10, Y1
	MOVQ taps+0(FP), CX
	XORQ R12, R12
tap:
	MOVQ (DI)(R12*8), R13
	ADDQ BX, R13
	VBROADCASTSS (SI)(R12*4), Y8
	VFMADD231PS (R13), Y8, Y0
	VFMADD231PS 32(R13), Y8, Y1
	INCQ R12
	CMPQ R12, CX
	JNE tap
	LEAVE(0, Y0)
	LEAVE(32, Y1)
	ADDQ $64, DX
	ADDQ $64, BX
	DECQ R11
	JNZ block
done:
	VZEROUPPER
	RET

// A row of six outputs of one panel of a, and what follows.
#define PANEL(from, r0, r1, r2, r3, r4, r5) \
	VFMADD231PS.BCST 0(from), Z24, r0 \
	VFMADD231PS.BCST 4(from), Z24, r1 \
	VFMADD231PS.BCST 8(from), Z24, r2 \
	VFMADD231PS.BCST 12(from), Z24, r3 \
	VFMADD231PS.BCST 16(from), Z24, r4 \
	VFMADD231PS.BCST 20(from), Z24, r5 \
	ADDQ $24, from

#define SIX(each, r0, r1, r2, r3, r4, r5) \
	each(r0) \
	each(r1) \
	each(r2) \
	each(r3) \
	each(r4) \
	each(r5)

#define ALL(each) \
	SIX(each, Z0, Z1, Z2, Z3, Z4, Z5) \
	SIX(each, Z6, Z7, Z8, Z9, Z10, Z11) \
	SIX(each, Z12, Z13, Z14, Z15, Z16, Z17) \
	SIX(each, Z18, Z19, Z20, Z21, Z22, Z23)

#define FIRST(reg) \
	VBROADCASTSS (AX), reg \
	ADDQ $4, AX

#define KEEP(reg) \
	VMOVUPS reg, (DX) \
	ADDQ R8, DX

#define KEEPACT(reg) \
	VADDPS Z25, reg, Z30 \
	VMAXPS Z29, Z30, Z30 \
	VMINPS Z26, Z30, Z30 \
	VMULPS Z30, reg, reg \
	VMOVAPS Z28, Z30 \
	VFMADD231PS Z27, reg, Z30 \
	VMOVUPS Z30, (DX) \
	ADDQ R8, DX

// func tilesAVX512(k int, a, b, bias, c *float32, stride int, swish *[2]float32)
TEXT ·tilesAVX512(SB), NOSPLIT, $0-56
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DI
	MOVQ bias+24(FP), AX
	MOVQ c+32(FP), DX
	MOVQ stride+40(FP), R8
	MOVQ swish+48(FP), R9
	LEAQ (CX)(CX*2), R10
	SHLQ $3, R10 // the bytes of a panel
	LEAQ (SI)(R10*1), R11
	LEAQ (SI)(R10*2), R12
	LEAQ (R11)(R10*2), R10
	ALL(FIRST)
loop:
	VMOVUPS (DI), Z24
	PANEL(SI, Z0, Z1, Z2, Z3, Z4, Z5)
	PANEL(R11, Z6, Z7, Z8, Z9, Z10, Z11)
	PANEL(R12, Z12, Z13, Z14, Z15, Z16, Z17)
	PANEL(R10, Z18, Z19, Z20, Z21, Z22, Z23)
	ADDQ $64, DI
	DECQ CX
	JNZ loop
	TESTQ R9, R9
	JZ plain
	VBROADCASTSS three<>(SB), Z25
	VBROADCASTSS six<>(SB), Z26
	VBROADCASTSS 0(R9), Z27
	VBROADCASTSS 4(R9), Z28
	VXORPS Y29, Y29, Y29
	ALL(KEEPACT)
	VZEROUPPER
	RET
plain:
	ALL(KEEP)
	VZEROUPPER
	RET
