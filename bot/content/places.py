"""What the same thing is called in Taiwan, in Hong Kong and on the mainland.

One line a thing: what is said in Taiwan | in Hong Kong | on the mainland | nowhere in writing; `/` between words that
are all said there, the one to write first. What another place says, and this one does not, is a word of elsewhere.
Only words that are certain; all in Traditional characters, the mainland's are made Simplified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import opencc

TAIWAN, HONG_KONG, MAINLAND = PLACES = ("Taiwan", "Hong Kong", "mainland China")

_SAID = """
簡訊 | 短訊 | 短信
信箱/電子信箱 | 電郵 | 郵箱/電子郵箱
訊息/消息/資訊 | 訊息/消息/資訊 | 消息/信息
收件匣 | 收件箱/收件匣 | 收件箱
寄件者/寄件人 | 寄件人/寄件者/發件人 | 發件人/寄件人
聯絡人 | 聯絡人 | 聯繫人
聯絡/連絡/聯繫 | 聯絡/聯繫 | 聯繫/聯絡
憑證 | 證書 | 證書
登入 | 登入 | 登錄 | 登陸
帳號 | 帳號/賬號/戶口號碼 | 賬號
帳戶 | 戶口/帳戶/賬戶 | 賬戶
帳單 | 賬單/帳單 | 賬單
對帳單 | 月結單/綜合結單/對賬單/對帳單 | 對賬單
轉帳 | 轉賬/轉帳 | 轉賬
入帳 | 入賬/入帳 | 入賬
使用者名稱/使用者代號 | 用戶名稱/用戶名/使用者名稱/使用者代號 | 用戶名/用戶名稱
身分證/身份證 | 身份證/身分證 | 身份證
身分/身份 | 身份/身分 | 身份
門號/電話號碼/手機號碼 | 電話號碼/手機號碼 | 手機號碼/電話號碼
手機/行動電話 | 手提電話/手機/流動電話 | 手機/移動電話
智慧型手機/智慧手機 | 智能手機/智能電話 | 智能手機
筆記型電腦 | 手提電腦/筆記簿型電腦 | 筆記本電腦/手提電腦
行動裝置 | 流動裝置 | 移動設備
行動網路 | 流動網絡 | 移動網絡
行動數據 | 流動數據 | 移動數據
行動支付 | 流動支付 | 移動支付
飛航模式 | 飛行模式 | 飛行模式
螢幕 | 螢幕/屏幕/熒幕 | 屏幕
觸控螢幕/觸控式螢幕 | 輕觸式屏幕/觸控屏幕 | 觸摸屏
滑鼠 | 滑鼠 | 鼠標
游標 | 游標 | 光標
硬碟 | 硬碟 | 硬盤
隨身碟 | USB 手指/USB手指 | U盤/優盤
印表機 | 打印機 | 打印機
列印 | 列印/打印 | 打印
掃描器 | 掃描器 | 掃描儀/掃描器
鏡頭 | 鏡頭 | 攝像頭/鏡頭
晶片 | 晶片 | 芯片/晶片
記憶體/內存 | 記憶體/內存 | 內存
儲存/保存 | 儲存/保存 | 保存/儲存/存儲
當機 | 死機/當機 | 死機
解析度 | 解像度/解析度 | 分辨率/解析度
錄影 | 錄影 | 錄像
影片/短片 | 影片/短片 | 視頻/影片/短片
視訊 | 視像 | 視頻
雷射 | 激光/鐳射 | 激光/鐳射
網路 | 網絡 | 網絡
網際網路 | 互聯網 | 互聯網
區域網路 | 區域網絡/局域網 | 局域網
網域 | 域名 | 域名
寬頻 | 寬頻 | 寬帶
訊號 | 訊號/信號 | 信號
線上 | 網上 | 網上/線上
線上客服 | 網上客服/網上客戶服務 | 在線客服/線上客服/網上客服
線上交易 | 網上交易 | 網上交易/線上交易/在線交易
網路銀行/網銀/線上銀行 | 網上銀行/網上理財/網銀 | 網上銀行/網銀
伺服器 | 伺服器 | 服務器
資料庫 | 資料庫/數據庫 | 數據庫
資料夾 | 資料夾/文件夾 | 文件夾
檔案/文件 | 檔案/文件 | 文件
軟體 | 軟件 | 軟件
硬體 | 硬件 | 硬件
韌體 | 韌體/固件 | 固件
程式/程序 | 程式/程序 | 程序
應用程式 | 應用程式 | 應用程序
小程式 | 小程式 | 小程序
作業系統 | 作業系統/操作系統 | 操作系統
解除安裝/移除 | 解除安裝/移除 | 卸載/移除
相容 | 兼容/相容 | 兼容
預設 | 預設 | 默認
設定密碼 | 設定密碼 | 設置密碼/設定密碼
密碼設定 | 密碼設定 | 密碼設置
系統設定 | 系統設定 | 系統設置
手機設定 | 手機設定 | 手機設置
啟用/啟動 | 啟用/啟動 | 激活/啟用/啟動
貼上 | 貼上 | 粘貼/貼上
剪貼簿 | 剪貼簿/剪貼板 | 剪貼板
選單 | 選單 | 菜單
介面/界面 | 介面/界面 | 界面
視窗/窗口 | 視窗/窗口 | 窗口
彈出視窗/彈跳視窗 | 彈出視窗 | 彈窗/彈出窗口
對話方塊/對話框 | 對話框/對話方塊 | 對話框
核取方塊/勾選方塊 | 剔選方格/核取方塊 | 複選框/勾選框
勾選 | 剔選/勾選 | 勾選
選擇/挑選 | 選擇/揀選/挑選 | 選擇/挑選
頁籤/分頁 | 分頁/頁籤 | 標籤頁/選項卡/分頁
導覽列 | 導覽列/導航欄 | 導航欄
圖示 | 圖示/圖標 | 圖標/圖示
連結 | 連結/鏈結 | 鏈接
點選 | 點選 | 點擊/點選
QR Code | QR Code/二維碼 | 二維碼/QR Code
截圖 | 截圖/截屏 | 截屏/截圖
字元 | 字元/字符 | 字符
底線 | 底線/下劃線 | 下劃線/底線
全形 | 全形 | 全角/全形
半形 | 半形 | 半角/半形
Enter 鍵 | Enter 鍵 | 回車鍵/Enter 鍵
存取權限 | 存取權限 | 訪問權限
語系/語言 | 語言 | 語言
支援/支持 | 支援/支持 | 支持
封鎖/阻擋 | 封鎖/阻擋/屏蔽 | 屏蔽/封鎖/阻擋
駭客 | 黑客 | 黑客/駭客
防毒軟體 | 防毒軟件 | 殺毒軟件/防毒軟件
資訊安全 | 資訊保安/資訊安全 | 信息安全
安全措施 | 保安措施/安全措施 | 安全措施/保安措施
金鑰 | 密碼匙/密鑰 | 密鑰
臉部辨識/人臉辨識 | 面容識別/人臉識別/面部識別/人臉辨識 | 人臉識別/面容識別/面部識別
指紋辨識/指紋識別 | 指紋識別/指紋辨識 | 指紋識別
生物辨識/生物識別/生物認證 | 生物認證/生物識別/生物辨識 | 生物識別/生物認證
人工智慧 | 人工智能 | 人工智能
機器人 | 機械人 | 機器人
品質 | 質素/品質 | 質量/品質
數位/數字 | 數碼/數字 | 數字/數碼
什麼 | 甚麼 | 什麼
諮詢 | 諮詢 | 咨詢
計畫/計劃 | 計劃 | 計劃
回饋 | 反饋/回饋 | 反饋/回饋
管道/通路 | 渠道/管道/通路 | 渠道/管道/通路
客訴/投訴 | 投訴 | 投訴/客訴
客服專線/客服熱線 | 客戶服務熱線/客服熱線/客服專線 | 客服熱線
免付費電話/免費電話 | 免費電話 | 免費電話
轉接 | 轉接/轉駁 | 轉接
電信公司/電信業者 | 電訊商/電訊公司 | 運營商/電信公司/電信運營商
服務據點/營業據點/分行 | 分行 | 營業網點/分行
櫃檯/櫃台 | 櫃位/櫃檯/櫃台 | 櫃台/櫃檯
臨櫃/親臨分行 | 親臨分行 | 臨櫃/親臨分行
提款機/自動櫃員機 | 自動櫃員機/提款機 | 取款機/自動取款機/提款機/自動櫃員機
金融卡/提款卡 | 提款卡/扣賬卡/銀行卡/借記卡 | 銀行卡/借記卡/提款卡
儲值 | 儲值/充值 | 充值/儲值
超商/便利商店/便利店 | 便利店 | 便利店
郵遞區號 | 郵政編碼 | 郵政編碼/郵編
工作天/工作日 | 工作天/工作日 | 工作日
國定假日 | 公眾假期 | 法定節假日/節假日
西元/公元 | 公元/西曆/公曆 | 公曆/公元
行銷 | 營銷/行銷 | 營銷
下單 | 落盤/落單 | 下單
刪單/取消指示 | 取消指示/撤單 | 撤單/取消指示
限價單 | 限價盤/限價單 | 限價單
市價單 | 市價盤/市價單 | 市價單
選擇權 | 期權/選擇權 | 期權/選擇權
融資 | 孖展/融資 | 融資
賣出 | 沽出/賣出 | 賣出
賣空/放空 | 沽空/賣空/放空 | 賣空/放空
停損 | 止蝕/止損 | 止損
零股 | 碎股 | 零股/碎股
權證 | 窩輪/認股證/權證 | 權證/窩輪
交割 | 交收 | 交割/交收
除權息/除權除息 | 除淨/除權除息 | 除權除息/除權息
本益比 | 市盈率 | 市盈率
股價淨值比 | 市賬率/市帳率 | 市淨率
每股盈餘/每股盈利 | 每股盈利 | 每股收益/每股盈利
殖利率 | 股息率 | 股息率
定期定額 | 月供股票/定期定額 | 定期定額
即時行情 | 即時行情/實時行情 | 實時行情/即時行情
即時報價 | 即時報價/實時報價 | 實時報價/即時報價
K線 | 陰陽燭/K線 | K線
的 | 的 | 的 | 嘅
了 | 了 | 了 | 咗
不 | 不 | 不 | 唔
沒有 | 沒有 | 沒有 | 冇
在 | 在 | 在 | 喺
些 | 些 | 些 | 啲
那 | 那 | 那 | 嗰
他 | 他 | 他 | 佢
們 | 們 | 們 | 哋
來 | 來 | 來 | 嚟
這樣 | 這樣 | 這樣 | 咁/噉
東西 | 東西 | 東西 | 嘢
找 | 找 | 找 | 搵/揾
拿 | 拿 | 拿 | 攞
給 | 給 | 給 | 畀
看 | 看 | 看 | 睇
想 | 想 | 想 | 諗
按 | 按 | 按 | 撳
"""

# Ordinary words that have one of the above in them by chance: 官網上 is 官網 and 上.
_OTHER_WORDS = """
官網上 網上傳 官網路 網路徑 無線上網 熱線上 專線上 路線上 區域名 以下單 如下單 底下單 之下單 名下單
簡短信 來電郵 相信息 收發件 信號碼 郵政信箱 留言信箱 憑證件 憑證明 憑證券 戶口名簿 戶口本 戶口簿 客戶口 帳戶口
用戶口 自身分 本身分 全身分 部門號 熱門號 專門號 聯繫人員 聯絡人員 電視訊 視訊號 電視像 視頻道 視頻率 視頻繁
投資訊 文件夾帶 資料夾帶 數位數 小數位 整數位 刺激活 刺激光 全角度 全角色 方程式 流程式 過程式 相容忍 相容納
選單一 選單個 選單位 選單只 選單擊 選單獨 簡介面 連結果 連結構 鏈結構 系列印 排列印 寬頻率 錄影響 錄影像 記錄像
當機立斷 當機會 當機房 當機關 機械人員 機械人才 素質素 質量測 充值得 充值班 經營銷 行銷戶 行銷售 行銷毀 行銷號
西元素 客訴求 客訴說 客訴訟 期權益 期權利 期權限 成交收 提交收 遞交收 扣除淨 排除淨 消除淨 去除淨
止損失 止損害 止損壞 限價盤中 市價盤中
"""


def words_of_elsewhere(text: str, place: str) -> Iterator[tuple[str, str]]:
    """Yield each word in `text` that is not said at `place`, with the one to write; the longest at a position."""
    pattern, instead = _vocabulary(place)
    for word in dict.fromkeys(match.group() for match in pattern.finditer(text)):
        if word in instead:
            yield word, instead[word]


def words_not_said(place: str) -> Mapping[str, str]:
    """Return every word that is not said at `place`, and the one to write."""
    return _vocabulary(place)[1]


@lru_cache(maxsize=len(PLACES))
def _vocabulary(place: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    column = PLACES.index(place)
    written = str if place != MAINLAND else opencc.OpenCC("t2s").convert
    instead: dict[str, str] = {}
    said = {written(word) for thing in _things() for word in thing[column]}
    for thing in _things():
        # As it stands as well: Cantonese is often written with its own characters among Simplified ones.
        everywhere = {*map(written, (word for cell in thing[:3] for word in cell)), *thing[3], *map(written, thing[3])}
        instead |= {word: written(thing[column][0]) for word in everywhere - said - instead.keys()}
    known = {*said, *instead, *map(written, _OTHER_WORDS.split())}
    return re.compile("|".join(map(re.escape, sorted(known, key=len, reverse=True)))), instead


@lru_cache(maxsize=1)
def _things() -> list[list[list[str]]]:
    lines = [[cell.strip() for cell in line.split("|")] for line in _SAID.strip().splitlines()]
    return [[cell.split("/") for cell in cells] + [[]] * (4 - len(cells)) for cells in lines]
