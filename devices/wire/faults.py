"""Fault codes of terminals, and what a person in the branch should do about each (format J)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from devices.driver import text
from devices.reading import Text

FAULTS: Final[Mapping[str, Text]] = {
    "CARD_JAM": text("card jammed: open the reader and keep the card for its owner", "卡片卡住：打开读卡器取出卡片并为客户保管"),
    "CARD_READER": text("card reader fails: clean it, then restart the terminal", "读卡器故障：清洁后重启终端"),
    "CARD_RETAINED": text("a card was kept: take it out of the bin and call its owner", "吞卡：从回收盒取出卡片并联系客户"),
    "ID_READER": text("identity card reader fails: restart the terminal, else call service", "身份证阅读器故障：重启终端，无效则报修"),
    "FINGERPRINT": text("fingerprint reader fails: clean its glass, then restart the terminal", "指纹仪故障：清洁镜面后重启终端"),
    "PINPAD": text("PIN pad fails: take the terminal out of service and call service", "密码键盘故障：停用终端并报修"),
    "PRINTER": text("printer fails: look for a paper jam, then restart the terminal", "打印机故障：检查卡纸后重启终端"),
    "PAPER_JAM": text("paper jammed: open the printer and take the paper out", "打印机卡纸：打开打印机取出卡纸"),
    "PAPER_LOW": text("paper is nearly out: put a roll in at the next chance", "纸张将尽：请尽快更换纸卷"),
    "PAPER_OUT": text("out of paper: put a roll in", "缺纸：请更换纸卷"),
    "CASH_JAM": text("notes jammed: two of the staff open the cash unit and take them out", "卡钞：由双人打开机芯取出钞票"),
    "CASH_LOW": text("cash is nearly out: order a refill", "余钞不足：请安排加钞"),
    "CASH_OUT": text("out of cash: refill it", "无钞：请加钞"),
    "CASH_FULL": text("the deposit box is full: empty it", "存款箱已满：请清机"),
    "CASH_UNIT": text("cash unit fails: take the terminal out of service and call service", "机芯故障：停用终端并报修"),
    "REJECT_FULL": text("the reject box is full: empty it", "废钞箱已满：请清理"),
    "CABINET_OPEN": text("the cabinet is open: close and lock it, and ask who opened it", "机柜被打开：请锁好并核实开启人员"),
    "CAMERA": text("its camera fails: check that nothing covers it, then restart the terminal", "终端摄像头故障：检查遮挡后重启终端"),
    "MICROPHONE": text("its microphone fails: restart the terminal, else call service", "麦克风故障：重启终端，无效则报修"),
    "TOUCHSCREEN": text("touch screen fails: clean it, then restart the terminal", "触摸屏故障：清洁后重启终端"),
    "HOST_DOWN": text("no connection to its host: check the line, then tell the data centre", "无法连接主机：检查网点线路并通知数据中心"),
    "NETWORK": text("its network fails: check the cable and the switch", "网络故障：检查网线和交换机"),
    "POWER": text("it runs on its battery: check the mains", "正在使用备用电源：检查市电"),
    "TEMPERATURE": text("too hot inside: free its vents", "内部温度过高：请保持散热口畅通"),
    "DISK_FULL": text("its disk is full: call service", "磁盘已满：请报修"),
    "BATTERY_LOW": text("battery low: put it on its charger", "电量低：请充电"),
    "STUCK": text("the robot cannot move: clear its way", "机器人被困：请清除障碍"),
}


def fault(code: str) -> Text:
    """What `code` means and what to do; one that is not in the table is told as it is."""
    known = FAULTS.get(code.upper())
    if known is None:
        return text(f"{code}: look it up in the terminal's manual, or call service", f"{code}：请查阅终端手册或报修")
    return text(f"{code}: {known['en']}", f"{code}：{known['zh-CN']}")
