package sockex

import (
	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
	"github.com/sockeye-net/sockeye/internal/mswsock"
)

func features() []Feature {
	h, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return nil
	}
	defer windows.Closesocket(h)
	return []Feature{
		function(h, "AcceptEx", &iocp.AcceptExID, Missing),
		handedOver(Feature{Name: "AcceptEx into a socket", How: Native, By: "AcceptEx"}),
		function(h, "GetAcceptExSockaddrs", &mswsock.GetAcceptExSockaddrsID, Emulated),
		function(h, "ConnectEx", &iocp.ConnectExID, Missing),
		{Name: "fast open", How: has(windows.SetsockoptInt(h, windows.IPPROTO_TCP, tcpFastOpen, 1)), By: "TCP_FASTOPEN"},
		{Name: "ConnectTime", How: probeConnectTime(h), By: "SO_CONNECT_TIME, in seconds"},
		{Name: "DisconnectEx", How: Emulated, By: "shutdown"},
		handedOver(function(h, "TF_REUSE_SOCKET", &mswsock.DisconnectExID, Missing)),
		function(h, "TransmitFile", &mswsock.TransmitFileID, Emulated),
		function(h, "TransmitPackets on a stream", &mswsock.TransmitPacketsID, Emulated),
		{Name: "TransmitPackets of datagrams", How: Emulated, By: "WSASend"},
	}
}

// handedOver: see handsOver.
func handedOver(f Feature) Feature {
	if f.How == Native && !handsOver() {
		f.How, f.By = Emulated, "a new socket takes its place"
	}
	return f
}

func probeConnectTime(h windows.Handle) How {
	if _, err := connectTime(uintptr(h)); err != ErrNotConnected {
		return Missing
	}
	return Native
}

// function is one of the provider's. where it is not, the same is done otherwise, or not at all.
func function(h windows.Handle, name string, id *windows.GUID, otherwise How) Feature {
	f := Feature{Name: name, How: Native, By: "its extension function"}
	if _, err := mswsock.Find(h, id); err != nil {
		f.How, f.By = otherwise, "other calls"
	}
	return f
}

func has(err error) How {
	if err != nil {
		return Missing
	}
	return Native
}
