package miblayout

import (
	"testing"
	"unsafe"
)

// The structures of <ifmib.h>, <netioapi.h> and <tcpestats.h> as Go structs, as in struct_test.go: padding that the
// headers' alignment of 8 makes is written out. A uintptr is a SIZE_T.
type (
	mibIfRow struct {
		Name                                                       [256]uint16
		Index, Type, Mtu, Speed, PhysAddrLen                       uint32
		PhysAddr                                                   [8]byte
		AdminStatus, OperStatus, LastChange                        uint32
		InOctets, InUcast, InNUcast, InDiscards, InErrors, Unknown uint32
		OutOctets, OutUcast, OutNUcast, OutDiscards, OutErrors     uint32
		OutQLen, DescrLen                                          uint32
		Descr                                                      [256]byte
	}
	mibIfRow2 struct {
		Luid                                                                                                             uint64
		Index                                                                                                            uint32
		GUID                                                                                                             [16]byte
		Alias, Description                                                                                               [257]uint16
		PhysAddrLen                                                                                                      uint32
		PhysAddr, PermanentPhysAddr                                                                                      [32]byte
		Mtu, Type, TunnelType, MediaType, PhysicalMediumType, AccessType, DirectionType                                  uint32
		Flags                                                                                                            uint8
		OperStatus, AdminStatus, MediaConnectState                                                                       uint32
		NetworkGUID                                                                                                      [16]byte
		ConnectionType                                                                                                   uint32
		_                                                                                                                [4]byte
		TransmitLinkSpeed, ReceiveLinkSpeed                                                                              uint64
		InOctets, InUcast, InNUcast, InDiscards, InErrors, InUnknown, InUcastOctets, InMcastOctets, InBcastOctets        uint64
		OutOctets, OutUcast, OutNUcast, OutDiscards, OutErrors, OutUcastOctets, OutMcastOctets, OutBcastOctets, QueueLen uint64
	}
	mibUnicast struct {
		Address                           [28]byte // SOCKADDR_INET, aligned to 4
		_                                 [4]byte
		Luid                              uint64
		Index, PrefixOrigin, SuffixOrigin uint32
		ValidLifetime, PreferredLifetime  uint32
		OnLinkPrefixLength, SkipAsSource  uint8
		DadState, ScopeID                 uint32
		CreationTimeStamp                 int64
	}
	dataRod struct {
		DataBytesOut, DataSegsOut, DataBytesIn, DataSegsIn, SegsOut, SegsIn uint64
		SoftErrors, SoftErrorReason, SndUna, SndNxt, SndMax                 uint32
		_                                                                   [4]byte
		ThruBytesAcked                                                      uint64
		RcvNxt                                                              uint32
		_                                                                   [4]byte
		ThruBytesReceived                                                   uint64
	}
	pathRod struct {
		FastRetran, Timeouts, SubsequentTimeouts, CurTimeoutCount, AbruptTimeouts            uint32
		PktsRetrans, BytesRetrans, DupAcksIn, SacksRcvd, SackBlocksRcvd, CongSignals         uint32
		PreCongSumCwnd, PreCongSumRtt, PostCongSumRtt, PostCongCountRtt, EcnSignals, EceRcvd uint32
		SendStall, QuenchRcvd, RetranThresh, SndDupAckEpisodes, SumBytesReordered            uint32
		NonRecovDa, NonRecovDaEpisodes, AckAfterFr, DsackDups, SampleRtt, SmoothedRtt        uint32
		RttVar, MaxRtt, MinRtt, SumRtt, CountRtt, CurRto, MaxRto, MinRto                     uint32
		CurMss, MaxMss, MinMss, SpuriousRtoDetections                                        uint32
	}
	sndCongRod struct {
		TransRwin, TimeRwin                                                               uint32
		BytesRwin                                                                         uintptr
		TransCwnd, TimeCwnd                                                               uint32
		BytesCwnd                                                                         uintptr
		TransSnd, TimeSnd                                                                 uint32
		BytesSnd                                                                          uintptr
		SlowStart, CongAvoid, OtherReductions, CurCwnd, MaxSsCwnd, MaxCaCwnd, CurSsthresh uint32
		MaxSsthresh, MinSsthresh                                                          uint32
	}
)

// word is the size of a SIZE_T here.
const word = int(unsafe.Sizeof(uintptr(0)))

// These do not compile on an architecture where a struct differs, so building the test for it is checking it.
var (
	_ [860]byte       = [unsafe.Sizeof(mibIfRow{})]byte{}
	_ [512]byte       = [unsafe.Offsetof(mibIfRow{}.Index)]byte{}
	_ [516]byte       = [unsafe.Offsetof(mibIfRow{}.Type)]byte{}
	_ [520]byte       = [unsafe.Offsetof(mibIfRow{}.Mtu)]byte{}
	_ [524]byte       = [unsafe.Offsetof(mibIfRow{}.Speed)]byte{}
	_ [528]byte       = [unsafe.Offsetof(mibIfRow{}.PhysAddrLen)]byte{}
	_ [532]byte       = [unsafe.Offsetof(mibIfRow{}.PhysAddr)]byte{}
	_ [540]byte       = [unsafe.Offsetof(mibIfRow{}.AdminStatus)]byte{}
	_ [544]byte       = [unsafe.Offsetof(mibIfRow{}.OperStatus)]byte{}
	_ [552]byte       = [unsafe.Offsetof(mibIfRow{}.InOctets)]byte{}
	_ [568]byte       = [unsafe.Offsetof(mibIfRow{}.InErrors)]byte{}
	_ [576]byte       = [unsafe.Offsetof(mibIfRow{}.OutOctets)]byte{}
	_ [592]byte       = [unsafe.Offsetof(mibIfRow{}.OutErrors)]byte{}
	_ [600]byte       = [unsafe.Offsetof(mibIfRow{}.DescrLen)]byte{}
	_ [604]byte       = [unsafe.Offsetof(mibIfRow{}.Descr)]byte{}
	_ [1352]byte      = [unsafe.Sizeof(mibIfRow2{})]byte{}
	_ [8]byte         = [unsafe.Offsetof(mibIfRow2{}.Index)]byte{}
	_ [12]byte        = [unsafe.Offsetof(mibIfRow2{}.GUID)]byte{}
	_ [28]byte        = [unsafe.Offsetof(mibIfRow2{}.Alias)]byte{}
	_ [542]byte       = [unsafe.Offsetof(mibIfRow2{}.Description)]byte{}
	_ [1056]byte      = [unsafe.Offsetof(mibIfRow2{}.PhysAddrLen)]byte{}
	_ [1060]byte      = [unsafe.Offsetof(mibIfRow2{}.PhysAddr)]byte{}
	_ [1092]byte      = [unsafe.Offsetof(mibIfRow2{}.PermanentPhysAddr)]byte{}
	_ [1124]byte      = [unsafe.Offsetof(mibIfRow2{}.Mtu)]byte{}
	_ [1128]byte      = [unsafe.Offsetof(mibIfRow2{}.Type)]byte{}
	_ [1132]byte      = [unsafe.Offsetof(mibIfRow2{}.TunnelType)]byte{}
	_ [1140]byte      = [unsafe.Offsetof(mibIfRow2{}.PhysicalMediumType)]byte{}
	_ [1152]byte      = [unsafe.Offsetof(mibIfRow2{}.Flags)]byte{}
	_ [1156]byte      = [unsafe.Offsetof(mibIfRow2{}.OperStatus)]byte{}
	_ [1160]byte      = [unsafe.Offsetof(mibIfRow2{}.AdminStatus)]byte{}
	_ [1192]byte      = [unsafe.Offsetof(mibIfRow2{}.TransmitLinkSpeed)]byte{}
	_ [1200]byte      = [unsafe.Offsetof(mibIfRow2{}.ReceiveLinkSpeed)]byte{}
	_ [1208]byte      = [unsafe.Offsetof(mibIfRow2{}.InOctets)]byte{}
	_ [1240]byte      = [unsafe.Offsetof(mibIfRow2{}.InErrors)]byte{}
	_ [1280]byte      = [unsafe.Offsetof(mibIfRow2{}.OutOctets)]byte{}
	_ [1312]byte      = [unsafe.Offsetof(mibIfRow2{}.OutErrors)]byte{}
	_ [80]byte        = [unsafe.Sizeof(mibUnicast{})]byte{}
	_ [32]byte        = [unsafe.Offsetof(mibUnicast{}.Luid)]byte{}
	_ [40]byte        = [unsafe.Offsetof(mibUnicast{}.Index)]byte{}
	_ [60]byte        = [unsafe.Offsetof(mibUnicast{}.OnLinkPrefixLength)]byte{}
	_ [64]byte        = [unsafe.Offsetof(mibUnicast{}.DadState)]byte{}
	_ [96]byte        = [unsafe.Sizeof(dataRod{})]byte{}
	_ [16]byte        = [unsafe.Offsetof(dataRod{}.DataBytesIn)]byte{}
	_ [72]byte        = [unsafe.Offsetof(dataRod{}.ThruBytesAcked)]byte{}
	_ [88]byte        = [unsafe.Offsetof(dataRod{}.ThruBytesReceived)]byte{}
	_ [MaxEStats]byte = [unsafe.Sizeof(pathRod{})]byte{}
	_ [20]byte        = [unsafe.Offsetof(pathRod{}.PktsRetrans)]byte{}
	_ [108]byte       = [unsafe.Offsetof(pathRod{}.SmoothedRtt)]byte{}
	_ [144]byte       = [unsafe.Offsetof(pathRod{}.CurMss)]byte{}

	_ [36 + 3*word]byte = [unsafe.Offsetof(sndCongRod{}.CurCwnd)]byte{}
)

// TestEStatsSize holds the sizes against the structs of this architecture, and those of 64 and 32 bits against figures.
func TestEStatsSize(t *testing.T) {
	for _, c := range []struct {
		group      EStats
		word, want int
	}{
		{EStatsData, word, int(unsafe.Sizeof(dataRod{}))}, {EStatsPath, word, int(unsafe.Sizeof(pathRod{}))},
		{EStatsSndCong, word, int(unsafe.Sizeof(sndCongRod{}))}, {EStatsSndCong, 8, 88}, {EStatsSndCong, 4, 72},
		{EStatsData, 4, 96}, {EStatsPath, 4, 160}, {0, 8, 0}, {4, 8, 0}, {^EStats(0), 4, 0},
	} {
		if got := c.group.Size(c.word); got != c.want || got > MaxEStats {
			t.Errorf("%v, SIZE_T of %d: %d, want %d", c.group, c.word, got, c.want)
		}
	}
}
