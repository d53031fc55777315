"""Files that look like media and lie: written by hand, as no encoder makes them."""

import io
import random
import struct
import zipfile

_TONE = b"".join(struct.pack("<h", (i % 64 - 32) * 400) for i in range(16_000))


def wav(
    *,
    channels: int = 1,
    rate_hz: int = 8000,
    bits: int = 16,
    data: bytes = _TONE,
    stated: int | None = None,
    tag: int = 1,
    align: int | None = None,
) -> bytes:
    """A WAV file with any header.

    Args:
        stated: size of the data that the header states; None is the true one.
        tag: of the codec; 1 is PCM.
    """
    size = len(data) if stated is None else stated
    block = channels * bits // 8 if align is None else align
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", (36 + size) & 0xFFFFFFFF) + body


def box(kind: bytes, content: bytes, stated: int | None = None) -> bytes:
    """A box of an mp4 file."""
    return struct.pack(">I", len(content) + 8 if stated is None else stated) + kind + content


def nested_boxes(depth: int) -> bytes:
    """An mp4 file whose boxes hold each other."""
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return box(b"ftyp", b"isom\0\0\2\0isomiso2") + content


def id3(size: int, content: bytes) -> bytes:
    """An ID3v2 tag that states this size."""
    digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + digits + content


def archive() -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("speech.wav"), wav())
    return buffer.getvalue()


def pointers(port: int, existing: str) -> dict[str, bytes]:
    """Files that make FFmpeg open others, if it is let.

    Args:
        port: of 127.0.0.1, where nobody may connect.
        existing: path of a good recording, that would be heard if it were followed.
    """
    url = f"http://127.0.0.1:{port}"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    texts = {
        "remote.m3u8": hls.format(f"{url}/a.ts"),
        "hls_named.mp3": hls.format(f"{url}/a.ts"),
        "hls_named.wav": hls.format(f"file://{existing}"),
        "hls_passwd.m3u8": hls.format("file:///etc/passwd"),
        "hls_concat.m3u8": hls.format(f"concat:{url}/head.txt|file:///etc/passwd"),
        "hls_subfile.m3u8": hls.format(f"subfile,,start,0,end,64,,:{existing}"),
        "hls_key.m3u8": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"\n#EXTINF:1,\n{existing}\n',
        "master.m3u8": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}/b.m3u8\n",
        "concat.txt": f"ffconcat version 1.0\nfile '{existing}'\n",
        "concat.mp3": f"ffconcat version 1.0\nfile '{existing}'\n",
        "concat_remote.wav": f"ffconcat version 1.0\nfile {url}/a.wav\n",
        "metadata.mp3": ";FFMETADATA1\ntitle=x\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=9\n",
        "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
        '<AdaptationSet contentType="audio"><Representation id="a" bandwidth="1"><BaseURL>'
        f"{url}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "picture.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/a.png"/></svg>',
        "session.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
        "list.pls": f"[playlist]\nFile1={url}/a.mp3\nNumberOfEntries=1\n",
        "list.asx": f'<asx version="3.0"><entry><ref href="{url}/a.wma"/></entry></asx>',
        "redirect.asf": f"[Reference]\nRef1={url}/a.asf\n",
        "address.mp3": f"{url}/a.mp3\n",
        "lavfi.wav": "sine=frequency=440:duration=5",
        "subtitles.srt": "1\n00:00:00,000 --> 00:00:09,000\nhello\n",
        "subtitles.vtt": "WEBVTT\n\n00:00.000 --> 00:09.000\nhello\n",
        "subtitles.ass": "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:09.00,,,,,,,hi\n",
        "rtsp.mp4": f"rtsptextRTSP://127.0.0.1:{port}/a",
        "entities.xml": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    }
    return {name: text.encode() for name, text in texts.items()}


def others() -> dict[str, bytes]:
    """Files that are no audio at all."""
    noise = random.Random(7)
    return {
        "text.txt": b"This is a transcript, not a recording.\n" * 50,
        "text.mp3": b"This is a transcript, not a recording.\n" * 50,
        "page.html": b"<!doctype html><html><body>Not found</body></html>",
        "page.wav": b"<!doctype html><html><body>Not found</body></html>",
        "error.m4a": b'{"error": {"code": "BlobNotFound"}}',
        "utf16.wav": "Nothing to hear here. ".encode("utf-16") * 100,
        "one_line.txt": b"a" * 300_000,
        "archive.zip": archive(),
        "archive.wav": archive(),
        "document.pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        "document.mp3": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        "script.sh": b"#!/bin/sh\nexec ffmpeg -i /etc/passwd out.wav\n",
        "zeros.wav": bytes(100_000),
        "zeros.mp3": bytes(100_000),
        "ones.flac": b"\xff" * 100_000,
        "noise.ogg": noise.randbytes(100_000),
        "noise.mp3": noise.randbytes(100_000),
        "noise.bin": noise.randbytes(1_000),
        "byte.wav": b"R",
        "gzip.mp3": b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + noise.randbytes(500),
        "jpeg.mp4": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + noise.randbytes(2_000),
        "elf.wav": b"\x7fELF\2\1\1" + bytes(9) + noise.randbytes(2_000),
    }


def liars() -> dict[str, bytes]:
    """Files with a header that can't be true."""
    ftyp = box(b"ftyp", b"isom\0\0\2\0isomiso2")
    return {
        "channels_0.wav": wav(channels=0),
        "channels_255.wav": wav(channels=255),
        "channels_65535.wav": wav(channels=65535),
        "rate_0.wav": wav(rate_hz=0),
        "rate_1.wav": wav(rate_hz=1),
        "rate_10_mhz.wav": wav(rate_hz=10_000_000),
        "rate_4_ghz.wav": wav(rate_hz=0xFFFFFFFF),
        "bits_0.wav": wav(bits=0),
        "bits_64.wav": wav(bits=64, tag=3),
        "bits_1000.wav": wav(bits=1000),
        "align_0.wav": wav(align=0),
        "stated_4_gb.wav": wav(stated=0xFFFFFFFF),
        "stated_3_gb.wav": wav(stated=3_000_000_000),
        "stated_0.wav": wav(stated=0),
        "stated_none.wav": wav(data=b"", stated=100_000),
        "empty_data.wav": wav(data=b""),
        "one_sample.wav": wav(data=b"\1\2"),
        "odd.wav": wav(data=b"\1\2\3"),
        "tag_unknown.wav": wav(tag=0x7777),
        "tag_mp3.wav": wav(tag=0x55),
        "tag_aac.wav": wav(tag=0xFF),
        "tag_dts.wav": wav(tag=0x2001),
        "nan.wav": wav(bits=32, tag=3, data=b"\0\0\xc0\x7f" * 16_000),
        "infinite.wav": wav(bits=32, tag=3, data=b"\0\0\x80\x7f" * 16_000),
        "riff_only.wav": b"RIFF\xff\xff\xff\x7fWAVE",
        "fmt_4_gb.wav": b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff" + bytes(64),
        "list_forever.wav": b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\0\0\0\0" * 5_000,
        "ogg_only.ogg": b"OggS",
        "ogg_pages.ogg": (b"OggS\0\2" + bytes(20) + b"\1\0") * 500,
        "flac_only.flac": b"fLaC",
        "flac_rate_0.flac": b"fLaC\x80\0\0\x22\x10\0\x10\0" + bytes(30),
        "flac_long.flac": b"fLaC\x80\0\0\x22\x10\0\x10\0" + bytes(6) + b"\x0a\xc4\x42\xff\xff\xff\xff\xff" + bytes(16),
        "ebml_only.webm": b"\x1a\x45\xdf\xa3",
        "ebml_endless.webm": b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(1_000),
        "ftyp_only.m4a": ftyp,
        "box_0.m4a": ftyp + box(b"moov", b"", 0),
        "box_1.m4a": ftyp + box(b"mdat", b"\xff" * 8, 1),
        "box_huge.m4a": ftyp + box(b"mdat", b"\0" * 64, 0xFFFFFFFF),
        "box_negative.m4a": ftyp + box(b"moov", b"", 3),
        "nested.mp4": nested_boxes(20_000),
        "id3_huge.mp3": id3(0x0FFFFFFF, b"x" * 100),
        "id3_only.mp3": id3(100, bytes(100)),
        "id3_tower.mp3": id3(0, b"") * 20_000,
        "mp3_frame.mp3": b"\xff\xfb\x90\x00" + bytes(413),
        "mp3_headers.mp3": b"\xff\xfb\x90\x00" * 20_000,
        "adts_headers.aac": b"\xff\xf1\x50\x80\x01\x3f\xfc" * 20_000,
        "amr_only.amr": b"#!AMR\n",
        "flv_only.flv": b"FLV\1\5\0\0\0\x09\0\0\0\0",
        "asf_only.wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\xff" * 8 + bytes(100),
        "ts_sync.ts": (b"\x47" + bytes(187)) * 500,
        "ps_only.mpg": b"\0\0\1\xba" * 5_000,
    }
